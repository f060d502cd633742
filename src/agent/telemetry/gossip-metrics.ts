/** What the gossip of this node has counted, read at a scrape. */
import type { GossipReport } from '../../cluster/index.ts';
import { Counter, Gauge, type Registry } from 'prom-client';

type Counters = NonNullable<GossipReport['counters']>;

const COUNTERS: readonly (readonly [string, string, (counters: Counters) => number])[] = [
  [
    'hawser_gossip_suspicions_total',
    'Members that began to be suspected.',
    ({ core }) => core.suspicions,
  ],
  [
    'hawser_gossip_refutations_total',
    'Times this node took back what was said of it.',
    ({ core }) => core.refutations,
  ],
  [
    'hawser_gossip_probes_failed_total',
    'Probes that nobody answered.',
    ({ core }) => core.probesFailed,
  ],
  ['hawser_gossip_stalls_total', 'Times this process ran late.', ({ core }) => core.stalls],
  ['hawser_gossip_syncs_total', 'Push/pulls that were completed.', ({ core }) => core.syncs],
  [
    'hawser_gossip_sent_packets_total',
    'Packets handed to the kernel.',
    ({ datagrams }) => datagrams.sent,
  ],
  ['hawser_gossip_sent_bytes_total', 'Their bytes.', ({ datagrams }) => datagrams.sentBytes],
  [
    'hawser_gossip_received_packets_total',
    'Packets from anyone.',
    ({ datagrams }) => datagrams.received,
  ],
  [
    'hawser_gossip_received_bytes_total',
    'Their bytes.',
    ({ datagrams }) => datagrams.receivedBytes,
  ],
  [
    'hawser_gossip_streams_refused_total',
    'Connections of strangers or beyond a limit.',
    (all) => all.streamsRefused,
  ],
];

/** Why something was dropped or not taken. */
const DROPS: readonly (readonly [string, (counters: Counters) => number])[] = [
  ['unsealed', ({ core }) => core.unsealedRefused],
  ['malformed', ({ core }) => core.malformedRefused],
  ['oversized', ({ datagrams }) => datagrams.oversized],
  ['throttled', ({ datagrams }) => datagrams.throttled],
  ['unsent', ({ datagrams }) => datagrams.unsent],
  ['effects', ({ core }) => core.effectsDropped],
  ['relays', ({ core }) => core.relaysRefused],
  ['members', ({ core }) => core.membersRefused],
  ['facts', ({ factsRefused }) => factsRefused],
];

/** Counters begin anew when the node's address changes, as a restart does. */
export function collectGossip(registry: Registry, report: () => GossipReport | undefined): void {
  const registers = [registry];
  for (const [name, help, read] of COUNTERS) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        const counters = report()?.counters;
        this.inc(counters === undefined ? 0 : read(counters));
      },
    });
  }
  collectDrops(registry, report);
  const gauges = [
    ['hawser_gossip_silent_nodes', 'Failed nodes whose hosts do not answer.', silentNodes],
    [
      'hawser_gossip_acknowledged_revision',
      'The oldest of the shared networks.',
      acknowledgedRevision,
    ],
    ['hawser_gossip_keys_index', 'Generation of the keys that this node follows.', keyGeneration],
  ] as const;
  for (const [name, help, read] of gauges) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(report()) ?? 0);
      },
    });
  }
}

function collectDrops(registry: Registry, report: () => GossipReport | undefined): void {
  new Counter({
    name: 'hawser_gossip_dropped_total',
    help: 'What was not sent, not heard or not kept, by the reason.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset();
      const counters = report()?.counters;
      for (const [reason, read] of DROPS)
        this.inc({ reason }, counters === undefined ? 0 : read(counters));
    },
  });
}

const silentNodes = (report?: GossipReport): number | undefined => report?.counters?.silentHosts;
const acknowledgedRevision = (report?: GossipReport): number | undefined =>
  report?.acknowledgedRevision;
const keyGeneration = (report?: GossipReport): number | undefined => report?.keyGeneration;
