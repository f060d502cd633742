/**
 * A kernel's tables in memory: namespaces full of objects, and the rules by which one change drags
 * others along.
 *
 * It knows what the dataplane relies on: names must exist where they are used, a veth has two ends,
 * what belongs to a link goes with it, a link that goes down loses its routes and neighbours, a VNI
 * is used once.
 */
import type { Mac } from '../../base/index.ts';
import {
  HOST_NAMESPACE,
  objectKey,
  type KernelObject,
  type LinkObject,
  type NamespaceName,
  type ObjectKey,
} from '../../dataplane/index.ts';
import { systemError, type KernelError } from '../kernel-error.ts';

export type FakeSpace = Map<ObjectKey, KernelObject>;

type VethLink = LinkObject & { readonly type: 'veth' };

const DEFAULT_MTU = 1500;

export class FakeWorld {
  private readonly spaces = new Map<NamespaceName, FakeSpace>([[HOST_NAMESPACE, new Map()]]);
  private linksMade = 0;

  names(): NamespaceName[] {
    return [...this.spaces.keys()].filter((name) => name !== HOST_NAMESPACE);
  }

  create(name: NamespaceName): void {
    if (this.spaces.has(name)) return;
    const loopback: LinkObject = { kind: 'link', type: 'loopback', name: 'lo', isUp: true };
    this.spaces.set(name, new Map([[objectKey(loopback), loopback]]));
  }

  /** All that is in the namespace goes, and with it the far ends of its veths. */
  delete(name: NamespaceName): void {
    for (const object of this.spaces.get(name)?.values() ?? [])
      if (object.kind === 'link') this.deleteLink(name, object.name);
    this.spaces.delete(name);
  }

  space(name: NamespaceName): FakeSpace {
    const space = this.spaces.get(name);
    if (space === undefined) throw refused('ENOENT', `namespace ${name}`);
    return space;
  }

  /** Throws `KernelError` with ENODEV when there is none. */
  link(name: NamespaceName, link: string): LinkObject {
    const found = this.findLink(name, link);
    if (found === undefined) throw refused('ENODEV', `link ${link}`);
    return found;
  }

  putLink(name: NamespaceName, want: LinkObject): void {
    if (want.master !== undefined && this.link(name, want.master).type !== 'bridge')
      throw refused('EOPNOTSUPP', `link ${want.name}`);
    const existing = this.findLink(name, want.name);
    if (existing !== undefined && isSameDevice(existing, want)) {
      this.changeLink(name, existing, want);
      return;
    }
    if (existing !== undefined) this.deleteLink(name, want.name);
    this.makeLink(name, want);
  }

  /** Deleting what is gone is success; the loopback device cannot go. */
  deleteLink(name: NamespaceName, link: string): void {
    const existing = this.findLink(name, link);
    if (existing === undefined || existing.type === 'loopback') return;
    const peer = this.peerOf(name, existing);
    this.dropLink(name, existing);
    if (peer !== undefined) this.dropLink(peer.namespace, peer.link);
  }

  private findLink(name: NamespaceName, link: string): LinkObject | undefined {
    const object = this.space(name).get(`link/${link}`);
    return object?.kind === 'link' ? object : undefined;
  }

  private makeLink(name: NamespaceName, want: LinkObject): void {
    if (want.type === 'veth-peer' || want.type === 'loopback')
      throw refused('ENODEV', `link ${want.name}`);
    if (want.type === 'vxlan') this.checkVni(want);
    if (want.type === 'veth') this.makePeer(want);
    const mac = want.mac ?? this.nextMac();
    this.store(name, { ...want, mac, mtu: want.mtu ?? DEFAULT_MTU });
  }

  private makePeer(want: VethLink): void {
    const { peerNamespace, peerName } = want;
    const existing = this.findLink(peerNamespace, peerName);
    if (existing !== undefined && existing.type !== 'veth-peer')
      throw refused('EEXIST', `link ${want.name}`);
    if (existing !== undefined) this.deleteLink(peerNamespace, peerName);
    this.store(peerNamespace, {
      kind: 'link',
      type: 'veth-peer',
      name: peerName,
      isUp: false,
      mac: this.nextMac(),
      mtu: DEFAULT_MTU,
    });
  }

  private changeLink(name: NamespaceName, is: LinkObject, want: LinkObject): void {
    if (is.type === 'loopback') {
      this.store(name, { ...is, isUp: want.isUp });
      return;
    }
    const { mac, mtu } = is;
    const kept = { ...(mac === undefined ? {} : { mac }), ...(mtu === undefined ? {} : { mtu }) };
    const port = want.port ?? (is.master === want.master ? is.port : undefined);
    this.store(name, { ...kept, ...want, ...(port === undefined ? {} : { port }) });
    const goesDown = is.isUp && !want.isUp;
    const hasOtherMac = want.mac !== undefined && want.mac !== is.mac;
    if (goesDown) this.dropRows(name, is.name, ['route', 'neighbour']);
    if (hasOtherMac) this.dropRows(name, is.name, ['neighbour']);
    if (is.master !== want.master) this.dropBridgeRows(name, is.name);
  }

  private dropLink(name: NamespaceName, link: LinkObject): void {
    this.space(name).delete(objectKey(link));
    this.dropRows(name, link.name, ['address', 'route', 'neighbour', 'fdb']);
    if (link.type === 'bridge') this.freePorts(name, link.name);
  }

  private freePorts(name: NamespaceName, bridge: string): void {
    for (const object of [...this.space(name).values()]) {
      if (object.kind !== 'link' || object.master !== bridge) continue;
      const kept = Object.entries(object).filter(([field]) => !['master', 'port'].includes(field));
      this.store(name, Object.fromEntries(kept) as unknown as LinkObject);
      this.dropBridgeRows(name, object.name);
    }
  }

  private dropRows(name: NamespaceName, link: string, kinds: readonly string[]): void {
    const space = this.space(name);
    for (const [key, object] of space)
      if ('link' in object && object.link === link && kinds.includes(object.kind))
        space.delete(key);
  }

  private dropBridgeRows(name: NamespaceName, link: string): void {
    const space = this.space(name);
    for (const [key, object] of space)
      if (object.kind === 'fdb' && object.link === link && object.owner === 'master')
        space.delete(key);
  }

  private peerOf(
    name: NamespaceName,
    link: LinkObject,
  ): { namespace: NamespaceName; link: LinkObject } | undefined {
    if (link.type === 'veth') {
      const peer = this.spaces.get(link.peerNamespace)?.get(`link/${link.peerName}`);
      return peer?.kind === 'link' ? { namespace: link.peerNamespace, link: peer } : undefined;
    }
    if (link.type !== 'veth-peer') return undefined;
    for (const [namespace, space] of this.spaces)
      for (const object of space.values())
        if (isVethTo(object, name, link.name)) return { namespace, link: object };
    return undefined;
  }

  private checkVni(want: LinkObject & { readonly type: 'vxlan' }): void {
    for (const space of this.spaces.values())
      for (const object of space.values()) {
        const isVxlan = object.kind === 'link' && object.type === 'vxlan';
        if (isVxlan && object.vni === want.vni && object.udpPort === want.udpPort)
          throw refused('EEXIST', `link ${want.name}`);
      }
  }

  private store(name: NamespaceName, object: KernelObject): void {
    this.space(name).set(objectKey(object), object);
  }

  private nextMac(): Mac {
    this.linksMade += 1;
    const low = this.linksMade.toString(16).padStart(4, '0');
    return `02:00:00:00:${low.slice(0, 2)}:${low.slice(2)}` as Mac;
  }
}

/** A refusal as the kernel would give it. */
export function refused(errno: string, object: string): KernelError {
  return systemError({ errno, call: 'netlink' }, object);
}

function isVethTo(
  object: KernelObject,
  namespace: NamespaceName,
  name: string,
): object is VethLink {
  return (
    object.kind === 'link' &&
    object.type === 'veth' &&
    object.peerNamespace === namespace &&
    object.peerName === name
  );
}

function isSameDevice(is: LinkObject, want: LinkObject): boolean {
  if (is.type === 'veth' && want.type === 'veth-peer') return true;
  if (is.type === 'vxlan' && want.type === 'vxlan')
    return is.vni === want.vni && is.udpPort === want.udpPort && is.local === want.local;
  if (is.type === 'veth' && want.type === 'veth')
    return is.peerNamespace === want.peerNamespace && is.peerName === want.peerName;
  return is.type === want.type;
}
