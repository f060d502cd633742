/**
 * The vocabulary of desired state: what Hawser may own in a kernel, one plain object per thing.
 *
 * A plan is a list of these per network namespace; what the kernel holds is read back as the same
 * objects, and the difference of the two is the work. Names are iproute2's and nft's. Every
 * object has a key (`objectKey`) that is unique in its namespace; two objects with one key are
 * two versions of the same thing.
 */
import type { Mac } from '../base/index.ts';
import type { Vni } from '../model/index.ts';

/** A namespace's file name under `<run-dir>/netns`, or `HOST_NAMESPACE`. */
export type NamespaceName = string;

/** The namespace the agent itself lives in: the node's underlay. */
export const HOST_NAMESPACE: NamespaceName = '';

export interface BridgePort {
  /** False: the port's MACs are only those written as static rows. */
  readonly learning: boolean;
  /** Whether frames to unknown unicast MACs leave through this port. */
  readonly unicastFlood: boolean;
  /** Isolated ports do not talk to each other. */
  readonly isolated: boolean;
  /**
   * Frames may leave through the port they came in by: a task that reaches itself through a VIP.
   */
  readonly hairpin: boolean;
}

interface LinkBase {
  readonly kind: 'link';
  readonly name: string;
  readonly isUp: boolean;
  readonly mac?: Mac;
  readonly mtu?: number;
  /** Name of the bridge it is a port of. */
  readonly master?: string;
  readonly port?: BridgePort;
}

/**
 * A link as wanted. A `veth` is made from the side that names its peer; the other side is a
 * `veth-peer`.
 */
export type LinkObject = LinkBase &
  (
    | { readonly type: 'loopback' | 'dummy' | 'bridge' | 'veth-peer' }
    | {
        readonly type: 'vxlan';
        readonly vni: Vni;
        readonly udpPort: number;
        /**
         * Own VTEP address. The underlay socket lives in the host namespace; the device does not
         * learn and answers ARP from its neighbour rows.
         */
        readonly local: string;
      }
    | { readonly type: 'veth'; readonly peerNamespace: NamespaceName; readonly peerName: string }
  );

export interface AddressObject {
  readonly kind: 'address';
  readonly link: string;
  /** `a.b.c.d/n` */
  readonly address: string;
}

export interface RouteObject {
  readonly kind: 'route';
  /** `a.b.c.d/n`; the default route is `0.0.0.0/0`. */
  readonly destination: string;
  /** Routing table number; 254 is main. */
  readonly table: number;
  readonly link: string;
  readonly via?: string;
  /** The gateway counts as reachable on the link although no address covers it. */
  readonly isOnlink: boolean;
}

/** A policy routing rule: packets from `source`, or with firewall mark `mark`, look in `table`. */
export interface RuleObject {
  readonly kind: 'rule';
  readonly priority: number;
  readonly table: number;
  readonly source?: string;
  readonly mark?: number;
}

/** A permanent neighbour row: address to MAC. */
export interface NeighbourObject {
  readonly kind: 'neighbour';
  readonly link: string;
  readonly address: string;
  readonly mac: Mac;
}

/**
 * A static forwarding row: `self` rows of a VXLAN device name the VTEP, `master` rows pin a MAC
 * to a bridge port.
 */
export type FdbObject = { readonly kind: 'fdb'; readonly link: string; readonly mac: Mac } & (
  { readonly owner: 'self'; readonly vtep: string } | { readonly owner: 'master' }
);

/** A sysctl of the namespace, by its path below /proc/sys with slashes: `net/ipv4/ip_forward`. */
export interface SysctlObject {
  readonly kind: 'sysctl';
  readonly path: string;
  readonly value: string;
}

export interface NftChain {
  readonly name: string;
  /** Absent for a chain that is only jumped to. */
  readonly base?: {
    readonly type: 'filter' | 'nat' | 'route';
    /** `ingress`: what arrives on `lo`, and nothing else. */
    readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'ingress';
    readonly priority: number;
    readonly policy: 'accept' | 'drop';
  };
  /**
   * Rules in nft's text syntax, without comments: each is given one that holds a digest of its
   * text, by which it is known again.
   */
  readonly rules: readonly string[];
}

export interface NftSet {
  readonly name: string;
  /** As after `type` in nft's syntax: `ipv4_addr . inet_proto . inet_service`. */
  readonly type: string;
  /** Packets add elements; those are never compared. */
  readonly dynamic?: { readonly timeoutSeconds: number; readonly sizeMax: number };
  /** Elements as nft prints them, parts joined by ` . `. */
  readonly elements: readonly string[];
}

export interface NftMap {
  readonly name: string;
  /** As after `type`: `ipv4_addr . inet_proto . inet_service : verdict`. */
  readonly type: string;
  /** Key to value, both as nft prints them (`goto svc-abc` for a verdict). */
  readonly elements: ReadonlyMap<string, string>;
}

/** A table of ours, whole: what is not in it is removed from it. */
export interface NftTableObject {
  readonly kind: 'nft-table';
  readonly family: 'inet' | 'ip' | 'ip6' | 'bridge';
  /** Starts with `hawser`. */
  readonly name: string;
  readonly sets: readonly NftSet[];
  readonly maps: readonly NftMap[];
  readonly chains: readonly NftChain[];
}

export type KernelObject =
  | LinkObject
  | AddressObject
  | RouteObject
  | RuleObject
  | NeighbourObject
  | FdbObject
  | SysctlObject
  | NftTableObject;

export type ObjectKey = string;

/** What makes two objects of a namespace the same thing. */
export function objectKey(object: KernelObject): ObjectKey {
  switch (object.kind) {
    case 'link':
      return `link/${object.name}`;
    case 'address':
      return `address/${object.link}/${object.address}`;
    case 'route':
      return `route/${object.table}/${object.destination}`;
    case 'rule':
      return `rule/${object.priority}/${object.source ?? ''}/${object.mark ?? ''}`;
    case 'neighbour':
      return `neighbour/${object.link}/${object.address}`;
    case 'fdb':
      return `fdb/${object.link}/${object.mac}/${object.owner}`;
    case 'sysctl':
      return `sysctl/${object.path}`;
    case 'nft-table':
      return `nft-table/${object.family}/${object.name}`;
  }
}

/**
 * What a node's kernel should hold: objects per namespace. A namespace of ours that is not a key
 * should not exist.
 */
export type Plan = ReadonlyMap<NamespaceName, readonly KernelObject[]>;
