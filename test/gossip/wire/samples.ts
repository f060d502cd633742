/** One message of each kind, and those at the ends of their ranges. */
import type { Message, NetworkTime, Sequence } from '../../../src/gossip/wire/messages.ts';
import {
  ACCUSERS_MAX,
  DIGEST_BUCKETS,
  INCARNATION_MAX,
  META_BYTES_MAX,
} from '../../../src/gossip/wire/messages.ts';
import { alive, dead, hash, left, network, node, suspect } from '../support/test-node.ts';

const sequence = 0x01020304 as Sequence;
const LONGEST_ID = 'x'.repeat(64);

export const SAMPLES: Readonly<Record<string, readonly Message[]>> = {
  empty: [],
  ping: [{ kind: 'ping', sequence, target: hash('n2'), source: hash('n1') }],
  ack: [{ kind: 'ack', sequence }],
  nack: [{ kind: 'nack', sequence }],
  'ping-request': [
    {
      kind: 'ping.request',
      sequence,
      target: hash('n2'),
      address: { host: '10.0.0.2', port: 7946 },
    },
  ],
  'ping-request-ipv6': [
    { kind: 'ping.request', sequence, target: hash('n2'), address: { host: 'fd00::2', port: 1 } },
  ],
  alive: [alive('n1', 7, { meta: new Uint8Array([1, 2, 3]) })],
  'alive-largest': [
    alive(LONGEST_ID, INCARNATION_MAX, {
      address: { host: '2001:db8:1:2:3:4:5:6', port: 65_535 },
      protocol: { min: 1, max: 255 },
      meta: new Uint8Array(META_BYTES_MAX).fill(0xa5),
    }),
  ],
  suspect: [suspect('n1', 7, 'n2', 'n3')],
  'suspect-most-accusers': [
    suspect('n1', 7, ...Array.from({ length: ACCUSERS_MAX }, (_, at) => `n${at}`)),
  ],
  dead: [dead('n1', 7, 'n2')],
  left: [left('n1', 7)],
  'network-joined': [
    {
      kind: 'network',
      id: node('n1'),
      network: network('net-a'),
      time: 5 as NetworkTime,
      isJoined: true,
    },
  ],
  'network-left': [
    {
      kind: 'network',
      id: node('n1'),
      network: network('net-a'),
      time: 6 as NetworkTime,
      isJoined: false,
    },
  ],
  rows: [{ kind: 'rows', source: hash('n1'), bytes: new Uint8Array([9, 8, 7]) }],
  'sync-hello': [
    {
      kind: 'sync.hello',
      id: node('n1'),
      protocol: { min: 1, max: 1 },
      digest: Uint32Array.from({ length: DIGEST_BUCKETS }, (_, at) => at * 0x01010101),
    },
  ],
  'sync-done': [{ kind: 'sync.done', heard: 258 }],
  compound: [
    { kind: 'ack', sequence },
    suspect('n3', 1, 'n2'),
    dead('n4', 2, 'n2'),
    alive('n5', 3),
  ],
};
