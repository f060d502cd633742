/**
 * Builders of node views for the tests of names. Ids are readable texts; addresses say where they
 * belong.
 */
import type { Mac } from '../../../src/base/index.ts';
import type {
  EndpointRow,
  NetworkId,
  NetworkRow,
  NodeId,
  NodeView,
  Revision,
  ServiceId,
  ServiceRow,
  TaskId,
} from '../../../src/model/index.ts';

export const networkId = (text: string): NetworkId => text as NetworkId;

export function network(name: string, change: Partial<NetworkRow> = {}): NetworkRow {
  const subnets: NetworkRow['subnets'] = [];
  const flags = { isInternal: false, isIngress: false };
  return {
    kind: 'network',
    networkId: networkId(`id-${name}`),
    name,
    subnets,
    ...flags,
    ...change,
  };
}

export function service(
  name: string,
  vips: Readonly<Record<string, string>>,
  change: Partial<ServiceRow> = {},
): ServiceRow {
  return {
    kind: 'service',
    serviceId: `id-${name}` as ServiceId,
    name,
    isDnsRoundRobin: false,
    isGlobal: false,
    virtualIps: Object.entries(vips).map(([net, address]) => ({
      networkId: networkId(`id-${net}`),
      address,
    })),
    ports: [],
    aliases: [],
    ...change,
  };
}

/**
 * `place`: `<service>.<slot>` and the addresses by network. The task's id is
 * `task-<service>-<slot>`.
 */
export function endpoint(
  place: string,
  addresses: Readonly<Record<string, string>>,
  change: Partial<EndpointRow> & { readonly aliases?: readonly string[] } = {},
): EndpointRow {
  const [serviceName = '', slot = ''] = place.split('.');
  const { aliases = [], ...rest } = change;
  return {
    kind: 'endpoint',
    taskId: `task-${serviceName}-${slot}` as TaskId,
    serviceId: `id-${serviceName}` as ServiceId,
    serviceName,
    slot: Number(slot),
    nodeId: 'node-1' as NodeId,
    hostname: '',
    isServing: true,
    attachments: Object.entries(addresses).map(([net, address]) => ({
      networkId: networkId(`id-${net}`),
      address,
      mac: '02:42:00:00:00:00' as Mac,
      aliases,
    })),
    ...rest,
  };
}

export interface Rows {
  readonly networks?: readonly NetworkRow[];
  readonly services?: readonly ServiceRow[];
  readonly endpoints?: readonly EndpointRow[];
}

export function view(rows: Rows): NodeView {
  return {
    selfId: 'node-1' as NodeId,
    revision: 1 as Revision,
    settings: { kind: 'settings', dataPathPort: 4789 },
    peers: new Map(),
    networks: new Map((rows.networks ?? []).map((row) => [row.networkId, row])),
    services: new Map((rows.services ?? []).map((row) => [row.serviceId, row])),
    endpoints: new Map((rows.endpoints ?? []).map((row) => [row.taskId, row])),
    assignments: new Map(),
  };
}
