/**
 * The names of a node: per network a table from lower-case name to addresses, and back. One index
 * serves all of the node's containers; which networks a container may look into is decided when it
 * asks (`resolve.ts`).
 *
 * A network's table is made at its first question, and handed on to the next index when none of the
 * network's rows changed, so a change costs what the changed networks cost.
 */
import type { Ipv4 } from '../../base/index.ts';
import type { EndpointRow, NetworkId, NodeView, ServiceId, ServiceRow } from '../../model/index.ts';
import type { DnsName } from '../wire/message.ts';
import { isDnsName } from '../wire/writer.ts';
import { buildNameTable, type NameTable, type NetworkRows } from './name-table.ts';

/**
 * `compatible` answers as Docker does, to the letter; `default` differs where users have asked for
 * it (README).
 */
export type NamesMode = 'compatible' | 'default';

const TTL_SECONDS: Readonly<Record<NamesMode, number>> = { compatible: 600, default: 5 };

export interface NamesOptions {
  /** `default` unless told. */
  readonly mode?: NamesMode;
  /** The index to take unchanged networks' tables from; of the same mode, else it is not used. */
  readonly previous?: Names;
}

/** What the view's rows say about names. Never changes. */
export class Names {
  readonly mode: NamesMode;
  /** Of every record it gives. */
  readonly ttlSeconds: number;
  private readonly networks: ReadonlyMap<NetworkId, NetworkNames>;

  constructor(mode: NamesMode, networks: ReadonlyMap<NetworkId, NetworkNames>) {
    this.mode = mode;
    this.ttlSeconds = TTL_SECONDS[mode];
    this.networks = networks;
  }

  network(id: NetworkId): NetworkNames | undefined {
    return this.networks.get(id);
  }
}

/** The names of one network. */
export class NetworkNames {
  /** Lower case. */
  readonly name: string;
  readonly isIngress: boolean;
  /** Without a way to the outside. */
  readonly isInternal: boolean;
  private readonly rows: NetworkRows;
  private readonly mode: NamesMode;
  private built: NameTable | undefined;

  constructor(rows: NetworkRows, mode: NamesMode) {
    this.name = rows.network.name.toLowerCase();
    this.isIngress = rows.network.isIngress;
    this.isInternal = rows.network.isInternal;
    this.rows = rows;
    this.mode = mode;
  }

  /**
   * The addresses of a lower-case name; empty for one that exists without any; `undefined` for one
   * that does not.
   */
  addressesOf(name: string): readonly Ipv4[] | undefined {
    return this.table.addresses.get(name);
  }

  /** The full name of an address on this network; none when it would not fit a message. */
  nameOf(address: Ipv4): DnsName | undefined {
    const first = this.table.reverse.get(address);
    if (first === undefined) return undefined;
    const full = `${first}.${this.rows.network.name}`;
    return isDnsName(full) ? full : undefined;
  }

  isMadeOf(rows: NetworkRows): boolean {
    return (
      this.rows.network === rows.network &&
      isSameList(this.rows.services, rows.services) &&
      isSameList(this.rows.endpoints, rows.endpoints)
    );
  }

  private get table(): NameTable {
    this.built ??= buildNameTable(this.rows, { isCompatible: this.mode === 'compatible' });
    return this.built;
  }
}

/**
 * Indexes a view. Pure; takes time proportional to the view's rows, and to names only where they
 * are asked for.
 */
export function buildNames(view: NodeView, options: NamesOptions = {}): Names {
  const mode = options.mode ?? 'default';
  const previous = options.previous?.mode === mode ? options.previous : undefined;
  const networks = new Map<NetworkId, NetworkNames>();
  for (const [id, rows] of groupByNetwork(view)) {
    const known = previous?.network(id);
    networks.set(id, known?.isMadeOf(rows) ? known : new NetworkNames(rows, mode));
  }
  return new Names(mode, networks);
}

interface Group extends NetworkRows {
  readonly services: ServiceRow[];
  readonly endpoints: EndpointRow[];
}

function groupByNetwork(view: NodeView): ReadonlyMap<NetworkId, Group> {
  const groups = new Map<NetworkId, Group>();
  for (const network of view.networks.values()) {
    groups.set(network.networkId, { network, services: [], endpoints: [] });
  }
  const networksByService = new Map<ServiceId, Set<NetworkId>>();
  for (const service of view.services.values()) {
    networksByService.set(service.serviceId, networksNamedBy(service));
  }
  for (const endpoint of view.endpoints.values()) {
    for (const { networkId } of endpoint.attachments) {
      groups.get(networkId)?.endpoints.push(endpoint);
      networksByService.get(endpoint.serviceId)?.add(networkId);
    }
  }
  for (const service of view.services.values()) {
    const ids = networksByService.get(service.serviceId) ?? [];
    for (const id of ids) groups.get(id)?.services.push(service);
  }
  return groups;
}

/** Where a service is known even while it has no task there. */
function networksNamedBy(service: ServiceRow): Set<NetworkId> {
  const ids = new Set(service.virtualIps.map((vip) => vip.networkId));
  for (const { networkId } of service.aliases) ids.add(networkId);
  return ids;
}

function isSameList(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}
