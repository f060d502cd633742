/** What the DNS benchmark asks for: one service among as many as make 10,000 names. */
import packet from 'dns-packet';
import type { Mac } from '../../src/base/index.ts';
import type { Asker } from '../../src/dns/index.ts';
import type {
  EndpointRow,
  NetworkId,
  NodeId,
  NodeView,
  Revision,
  ServiceId,
  ServiceRow,
  TaskId,
} from '../../src/model/index.ts';

const NETWORK = 'bench-network' as NetworkId;
/** Each makes two names: its own and `tasks.` of it. */
const SERVICES = 5000;
const TASKS_OF_WEB = 10;

export const ASKER: Asker = { networks: [NETWORK], hasNdots: false };

export function queryFor(name: string): Buffer {
  const questions = [{ name, type: 'A' as const }];
  return packet.encode({ type: 'query', id: 1, flags: packet.RECURSION_DESIRED, questions });
}

function serviceRow(name: string, address: string): ServiceRow {
  return {
    kind: 'service',
    serviceId: name as ServiceId,
    name,
    isDnsRoundRobin: false,
    isGlobal: false,
    virtualIps: [{ networkId: NETWORK, address }],
    ports: [],
    aliases: [],
  };
}

function endpointRow(serviceName: string, slot: number, address: string): EndpointRow {
  return {
    kind: 'endpoint',
    taskId: `${serviceName}-${slot}` as TaskId,
    serviceId: serviceName as ServiceId,
    serviceName,
    slot,
    nodeId: 'node' as NodeId,
    hostname: '',
    isServing: true,
    attachments: [{ networkId: NETWORK, address, mac: '02:42:00:00:00:00' as Mac, aliases: [] }],
  };
}

const others = Array.from({ length: SERVICES }, (_, index) => index);
const services = [
  serviceRow('web', '10.0.1.2'),
  ...others.map((index) => serviceRow(`other-${index}`, `10.1.${index >> 8}.${index & 255}`)),
];
const endpoints = [
  ...Array.from({ length: TASKS_OF_WEB }, (_, slot) =>
    endpointRow('web', slot + 1, `10.0.1.${slot + 10}`),
  ),
  ...others.map((index) => endpointRow(`other-${index}`, 1, `10.2.${index >> 8}.${index & 255}`)),
];

export const VIEW: NodeView = {
  selfId: 'node' as NodeId,
  revision: 1 as Revision,
  settings: { kind: 'settings', dataPathPort: 4789 },
  peers: new Map(),
  networks: new Map([
    [
      NETWORK,
      {
        kind: 'network',
        networkId: NETWORK,
        name: 'bench',
        subnets: [],
        isInternal: false,
        isIngress: false,
      },
    ],
  ]),
  services: new Map(services.map((row) => [row.serviceId, row])),
  endpoints: new Map(endpoints.map((row) => [row.taskId, row])),
  assignments: new Map(),
};
