/** Between the kernel's description of a link and the plan's. */
import type { LinkObject, NamespaceName } from '../../dataplane/index.ts';
import type { Vni } from '../../model/index.ts';
import { ARPHRD_LOOPBACK, type LinkKind, type LinkRow } from '../netlink/index.ts';

/**
 * A veth's two ends know each other only by numbers that differ from namespace to namespace, so
 * each end's alias says what it is: `hawser:veth/<peer's namespace>/<peer's name>` on the end that
 * was made, `hawser:veth-peer` on the other.
 */
const VETH_PEER_ALIAS = 'hawser:veth-peer';
const VETH_ALIAS_PATTERN = /^hawser:veth\/([^/]*)\/([^/]+)$/;

/** What the link's alias must be; `undefined` when it does not matter. */
export function aliasOf(link: LinkObject): string | undefined {
  if (link.type === 'veth') return `hawser:veth/${link.peerNamespace}/${link.peerName}`;
  return link.type === 'veth-peer' ? VETH_PEER_ALIAS : undefined;
}

export const PEER_ALIAS = VETH_PEER_ALIAS;

/**
 * The link as an object; `undefined` for kinds that Hawser does not make. `nameOf` finds a bridge
 * by its index.
 */
export function linkObject(
  row: LinkRow,
  nameOf: (index: number) => string | undefined,
): LinkObject | undefined {
  const master = row.master === undefined ? undefined : nameOf(row.master);
  const base = {
    kind: 'link',
    name: row.name,
    isUp: row.isUp,
    mtu: row.mtu,
    ...(row.mac === undefined ? {} : { mac: row.mac }),
    ...(master === undefined ? {} : { master }),
    ...(row.bridgePort === undefined ? {} : { port: row.bridgePort }),
  } as const;
  if (row.hardwareType === ARPHRD_LOOPBACK)
    return { kind: 'link', name: row.name, isUp: row.isUp, type: 'loopback' };
  if (row.kind === 'dummy' || row.kind === 'bridge') return { ...base, type: row.kind };
  if (row.kind === 'vxlan') return vxlanObject(row, base);
  if (row.kind !== 'veth') return undefined;
  if (row.alias === VETH_PEER_ALIAS) return { ...base, type: 'veth-peer' };
  const peer = VETH_ALIAS_PATTERN.exec(row.alias ?? '');
  if (peer === null) return undefined;
  const [, peerNamespace, peerName] = peer as unknown as [string, NamespaceName, string];
  return { ...base, type: 'veth', peerNamespace, peerName };
}

/**
 * A device that learns, or does not answer ARP, is not one of ours; putting the planned one
 * replaces it.
 */
function vxlanObject(
  row: LinkRow,
  base: Pick<LinkObject, 'kind' | 'name' | 'isUp'>,
): LinkObject | undefined {
  const { vxlan } = row;
  if (vxlan === undefined || vxlan.learning || !vxlan.proxy) return undefined;
  const { vni, port, local } = vxlan;
  return { ...base, type: 'vxlan', vni: vni as Vni, udpPort: port, local };
}

/** Whether the existing link can become the wanted one without being made anew. */
export function isSameDevice(row: LinkRow, want: LinkObject): boolean {
  // The far end of a veth is whatever veth has the name: its alias is written when it is put.
  if (want.type === 'veth-peer') return row.kind === 'veth';
  const is = linkObject(row, () => undefined);
  if (is?.type !== want.type) return false;
  if (is.type === 'vxlan' && want.type === 'vxlan')
    return is.vni === want.vni && is.udpPort === want.udpPort && is.local === want.local;
  if (is.type === 'veth' && want.type === 'veth')
    return is.peerNamespace === want.peerNamespace && is.peerName === want.peerName;
  return true;
}

/**
 * How the kernel is asked for the link; `undefined` for those that cannot be made from this side.
 */
export function linkKindOf(want: LinkObject, peerNamespaceFd?: number): LinkKind | undefined {
  switch (want.type) {
    case 'dummy':
    case 'bridge':
      return { kind: want.type };
    case 'vxlan': {
      const { vni, udpPort, local } = want;
      return { kind: 'vxlan', vni, port: udpPort, local, learning: false, proxy: true };
    }
    case 'veth':
      return {
        kind: 'veth',
        peerName: want.peerName,
        ...(peerNamespaceFd === undefined ? {} : { peerNamespaceFd }),
      };
    case 'loopback':
    case 'veth-peer':
      return undefined;
  }
}
