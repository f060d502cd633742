/** What netlink's events say of a namespace, in the plan's words. */
import {
  fdbKey,
  isSharedNamespace,
  neighbourKey,
  objectKey,
  type KernelEvent,
  type KernelObject,
  type NamespaceName,
} from '../../dataplane/index.ts';
import {
  listLinks,
  readAddress,
  readConnectedRoute,
  readFdb,
  readFdbKey,
  readLink,
  readNeighbour,
  readNeighbourKey,
  readPort,
  readRoute,
  readRule,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELROUTE,
  RTM_DELRULE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWROUTE,
  RTM_NEWRULE,
  type LinkRow,
  type NetlinkMessage,
  type NetlinkSocket,
} from '../netlink/index.ts';
import { OWN_PREFIX } from '../joining.ts';
import { linkObject } from './link-objects.ts';
import { isRelevantRule, isWritten, ruleObject, RT_TABLE_LOCAL } from './observe.ts';

/**
 * Reads events one after another, and remembers the names of links, which events give as numbers.
 * Leaves out what `Kernel.observe` leaves out.
 */
export class EventReader {
  private readonly namespace: NamespaceName;
  private readonly names = new Map<number, string>();

  /** Open the socket of the events first: what changes from then on is among them. */
  constructor(namespace: NamespaceName, route: NetlinkSocket) {
    this.namespace = namespace;
    for (const message of route.dump(listLinks())) {
      const row = readLink(message);
      if (row !== undefined) this.remember(row);
    }
  }

  read(message: NetlinkMessage): KernelEvent[] {
    switch (message.type) {
      case RTM_NEWLINK:
        return this.linkCame(message);
      case RTM_DELLINK:
        return this.linkWent(message);
      case RTM_NEWNEIGH:
      case RTM_DELNEIGH:
        return this.row(message);
      case RTM_NEWADDR:
      case RTM_NEWROUTE:
      case RTM_NEWRULE:
        return this.object(message).map((object) => ({ event: 'put', object }));
      case RTM_DELADDR:
      case RTM_DELROUTE:
      case RTM_DELRULE:
        if (this.isConnectedRoute(message)) return [{ event: 'unclear' }];
        return this.object(message).map((object) => deletion(objectKey(object)));
      default:
        return [];
    }
  }

  private readonly nameOf = (index: number): string | undefined => this.names.get(index);

  private remember(row: LinkRow): void {
    const isOurs = !isSharedNamespace(this.namespace) || row.name.startsWith(OWN_PREFIX);
    if (isOurs) this.names.set(row.index, row.name);
    else this.names.delete(row.index);
  }

  private linkCame(message: NetlinkMessage): KernelEvent[] {
    const row = readLink(message);
    if (row === undefined) return this.portChanged(message);
    const oldName = this.names.get(row.index);
    this.remember(row);
    const name = this.names.get(row.index);
    const events: KernelEvent[] = [];
    if (oldName !== undefined && oldName !== name) events.push(deletion(`link/${oldName}`));
    if (name === undefined) return events;
    const object = linkObject(row, this.nameOf);
    events.push(object === undefined ? deletion(`link/${name}`) : { event: 'put', object });
    return events;
  }

  /** A bridge's own message tells of its port, and says nothing else. */
  private portChanged(message: NetlinkMessage): KernelEvent[] {
    const told = readPort(message);
    const link = told === undefined ? undefined : this.names.get(told.index);
    return told === undefined || link === undefined
      ? []
      : [{ event: 'port', link, port: told.port }];
  }

  private linkWent(message: NetlinkMessage): KernelEvent[] {
    const row = readLink(message);
    const name = row === undefined ? undefined : this.names.get(row.index);
    if (row === undefined || name === undefined) return [];
    this.names.delete(row.index);
    return [deletion(`link/${name}`)];
  }

  /** A row that traffic made, or made of a written one, is not ours: the written one is gone. */
  private row(message: NetlinkMessage): KernelEvent[] {
    const isNew = message.type === RTM_NEWNEIGH;
    const fdb = isNew ? readFdb(message) : undefined;
    if (fdb !== undefined) return this.put(fdb, (link) => ({ kind: 'fdb', ...fdb, link }));
    const neighbour = isNew ? readNeighbour(message) : undefined;
    if (neighbour !== undefined)
      return this.put(neighbour, (link) => ({ kind: 'neighbour', ...neighbour, link }));
    const key = readFdbKey(message) ?? readNeighbourKey(message);
    const link = key === undefined ? undefined : this.names.get(key.link);
    if (key === undefined || link === undefined) return [];
    return [deletion('mac' in key ? fdbKey({ ...key, link }) : neighbourKey({ ...key, link }))];
  }

  /** Whose deletion means that an address lacks its subnet. */
  private isConnectedRoute(message: NetlinkMessage): boolean {
    const route = message.type === RTM_DELROUTE ? readConnectedRoute(message) : undefined;
    return route !== undefined && this.names.has(route.link);
  }

  private put(
    row: { readonly link: number },
    toObject: (link: string) => KernelObject,
  ): KernelEvent[] {
    const link = this.names.get(row.link);
    return link === undefined ? [] : [{ event: 'put', object: toObject(link) }];
  }

  /** The address, route or rule that a message is about; none when it is not of our concern. */
  private object(message: NetlinkMessage): KernelObject[] {
    switch (message.type) {
      case RTM_NEWADDR:
      case RTM_DELADDR: {
        const row = readAddress(message);
        const link = row === undefined ? undefined : this.names.get(row.link);
        const isNoted = row !== undefined && link !== undefined && isWritten(row);
        return isNoted ? [{ kind: 'address', ...row, link }] : [];
      }
      case RTM_NEWRULE:
      case RTM_DELRULE: {
        const rule = readRule(message);
        const isNoted = rule !== undefined && isRelevantRule(this.namespace, rule);
        return isNoted ? [ruleObject(rule)] : [];
      }
      default: {
        const row = readRoute(message);
        const link = row === undefined ? undefined : this.names.get(row.link);
        const isNoted = row !== undefined && link !== undefined && row.table !== RT_TABLE_LOCAL;
        return isNoted ? [{ kind: 'route', ...row, link }] : [];
      }
    }
  }
}

function deletion(key: string): KernelEvent {
  return { event: 'delete', key };
}
