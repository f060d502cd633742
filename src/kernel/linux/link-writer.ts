/**
 * Makes, changes and deletes links of one namespace, one after another: each needs the index of the
 * one before.
 */
import { HOST_NAMESPACE, type LinkObject, type NamespaceName } from '../../dataplane/index.ts';
import { isErrno, systemError, type KernelError } from '../kernel-error.ts';
import {
  changeBridgePort,
  changeLink,
  createLink,
  deleteLink,
  getLink,
  listLinks,
  readLink,
  type LinkChange,
  type LinkRow,
  type NetlinkRequest,
  type NetlinkSocket,
} from '../netlink/index.ts';
import type { NamespaceTable, OpenNamespace } from '../netns.ts';
import { aliasOf, isSameDevice, linkKindOf, PEER_ALIAS } from './link-objects.ts';

/** Finds links by name, and remembers their indexes while nothing is made or deleted. */
export class LinkWriter {
  private readonly namespaces: NamespaceTable;
  private readonly name: NamespaceName;
  private readonly space: OpenNamespace;
  private readonly indexes = new Map<string, number>();

  constructor(namespaces: NamespaceTable, name: NamespaceName) {
    this.namespaces = namespaces;
    this.name = name;
    this.space = namespaces.open(name);
  }

  /** Throws `KernelError` with ENODEV when there is no such link. */
  indexOf(name: string): number {
    const known = this.indexes.get(name);
    if (known !== undefined) return known;
    const index = this.find(name)?.index;
    if (index === undefined) throw noSuchLink(name);
    this.indexes.set(name, index);
    return index;
  }

  /**
   * Makes the link what is wanted: by changing what differs, or anew where its kind or identity
   * differs.
   */
  put(want: LinkObject): void {
    // A missing bridge is noticed before anything is made.
    if (want.master !== undefined) this.indexOf(want.master);
    const row = this.find(want.name);
    if (row !== undefined && isSameDevice(row, want)) {
      this.change(row, want);
      return;
    }
    if (row !== undefined && want.type !== 'loopback') this.deleteRow(row);
    this.create(want);
    const made = this.find(want.name);
    if (made === undefined) throw noSuchLink(want.name);
    this.change(made, want);
    if (want.type === 'veth') this.markPeer(want.peerNamespace, want.peerName);
  }

  /** Deleting what is gone is success; the loopback device cannot go. */
  delete(link: LinkObject): void {
    if (link.type === 'loopback') return;
    const row = this.find(link.name);
    if (row !== undefined) this.deleteRow(row);
  }

  private find(name: string): LinkRow | undefined {
    return findLink(this.space.route, name);
  }

  private deleteRow(row: LinkRow): void {
    this.indexes.delete(row.name);
    try {
      this.space.route.request(deleteLink(row.index));
    } catch (error) {
      if (!isErrno(error, 'ENODEV')) throw error;
    }
  }

  private create(want: LinkObject): void {
    this.indexes.delete(want.name);
    try {
      this.requestLink(want);
    } catch (error) {
      // The name of the far end may be held by what is left of an earlier pair.
      if (want.type !== 'veth' || !isErrno(error, 'EEXIST')) throw error;
      if (!this.deleteStalePeer(want.peerNamespace, want.peerName)) throw error;
      this.requestLink(want);
    }
  }

  private requestLink(want: LinkObject): void {
    const peer = want.type === 'veth' ? this.namespaces.open(want.peerNamespace).fd : undefined;
    const kind = linkKindOf(want, peer);
    if (kind === undefined) throw noSuchLink(want.name);
    const { name, mac, mtu } = want;
    const link = {
      name,
      kind,
      ...(mac === undefined ? {} : { mac }),
      ...(mtu === undefined ? {} : { mtu }),
    };
    if (want.type !== 'vxlan' || this.name === HOST_NAMESPACE) {
      this.space.route.request(createLink(link));
      return;
    }
    // A VXLAN device's socket stays where it was asked for: in the namespace of the underlay.
    const host = this.namespaces.open(HOST_NAMESPACE).route;
    host.request(createLink({ ...link, namespaceFd: this.space.fd }));
  }

  private deleteStalePeer(namespace: NamespaceName, name: string): boolean {
    const { route } = this.namespaces.open(namespace);
    const row = findLink(route, name);
    if (row?.alias !== PEER_ALIAS) return false;
    route.request(deleteLink(row.index));
    return true;
  }

  private markPeer(namespace: NamespaceName, name: string): void {
    const { route } = this.namespaces.open(namespace);
    const row = findLink(route, name);
    if (row === undefined) throw noSuchLink(name);
    route.request(changeLink(row.index, { alias: PEER_ALIAS }));
  }

  /** Up comes last, so that a link carries nothing before it is what it should be. */
  private change(row: LinkRow, want: LinkObject): void {
    const requests: NetlinkRequest[] = [];
    const change = this.settings(row, want);
    if (Object.keys(change).length > 0) requests.push(changeLink(row.index, change));
    if (want.port !== undefined && (change.master !== undefined || !hasSamePort(row, want)))
      requests.push(changeBridgePort(row.index, want.port));
    if (row.isUp !== want.isUp) requests.push(changeLink(row.index, { isUp: want.isUp }));
    const error = this.space.route.batch(requests).find((outcome) => outcome !== undefined);
    if (error !== undefined) throw error;
  }

  private settings(row: LinkRow, want: LinkObject): LinkChange {
    if (want.type === 'loopback') return {};
    const alias = aliasOf(want);
    const master = want.master === undefined ? 0 : this.indexOf(want.master);
    return {
      ...(want.mac === undefined || want.mac === row.mac ? {} : { mac: want.mac }),
      ...(want.mtu === undefined || want.mtu === row.mtu ? {} : { mtu: want.mtu }),
      ...(master === (row.master ?? 0) ? {} : { master }),
      ...(alias === undefined || alias === row.alias ? {} : { alias }),
    };
  }
}

function hasSamePort(row: LinkRow, want: LinkObject): boolean {
  return (
    row.bridgePort?.learning === want.port?.learning &&
    row.bridgePort?.unicastFlood === want.port?.unicastFlood &&
    row.bridgePort?.isolated === want.port?.isolated &&
    row.bridgePort?.hairpin === want.port?.hairpin
  );
}

function findLink(socket: NetlinkSocket, name: string): LinkRow | undefined {
  try {
    const [reply] = socket.request(getLink(name));
    return reply === undefined ? undefined : readLink(reply);
  } catch (error) {
    if (isErrno(error, 'ENODEV')) return undefined;
    throw error;
  }
}

/**
 * The kernel takes a namespace apart some time after it was given up; a VNI in it, which is unique
 * on the machine, would be taken until then.
 */
export function deleteVxlans(socket: NetlinkSocket): void {
  const rows = socket.dump(listLinks()).map(readLink);
  const vxlans = rows.filter((row) => row?.kind === 'vxlan').map((row) => row?.index ?? 0);
  const errors = socket.batch(vxlans.map(deleteLink));
  const error = errors.find((one) => one !== undefined && !isErrno(one, 'ENODEV'));
  if (error !== undefined) throw error;
}

function noSuchLink(name: string): KernelError {
  return systemError({ errno: 'ENODEV', call: 'netlink' }, `link ${name}`, 'no such link');
}
