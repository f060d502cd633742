/** /metrics: the registry, what other rooms count, and the HTTP server that Prometheus scrapes. */
import { createServer, type Server } from 'node:http';
import type { HttpCounters } from '../../api/index.ts';
import type { ClusterMember, GossipReport } from '../../cluster/index.ts';
import type { EndpointRow } from '../../model/index.ts';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { collectGossip } from './gossip-metrics.ts';

/** Buckets in seconds, from a tenth of a millisecond to ten seconds. */
const SECONDS_BUCKETS = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10];

export interface AgentMetrics {
  readonly registry: Registry;
  readonly raftTerm: Gauge;
  readonly raftIsLeader: Gauge;
  readonly raftCommitSeconds: Histogram;
  readonly gossipMembers: Gauge;
  readonly reconcileRepairs: Counter<'kind'>;
  readonly reconcileSeconds: Histogram;
  readonly lbBackends: Gauge;
  readonly overlayEndpoints: Gauge;
}

/** What is counted elsewhere and read at a scrape. */
export interface ScrapeSources {
  /** DNS queries so far, by type and outcome. */
  dnsQueries(): readonly {
    readonly type: string;
    readonly outcome: string;
    readonly count: number;
  }[];
  /** Requests of the API so far; undefined before it is served. */
  apiCounters(): Readonly<HttpCounters> | undefined;
  /** What this node's gossip knows; undefined without any. */
  gossip(): GossipReport | undefined;
  /** Gauges that are cheap to compute and pointless to keep. */
  refresh(metrics: AgentMetrics): void;
}

export function createMetrics(version: string, sources: ScrapeSources): AgentMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  const histogram = (name: string, help: string): Histogram =>
    new Histogram({ name, help, buckets: SECONDS_BUCKETS, registers });
  new Gauge({
    name: 'hawser_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'node_version'],
    registers,
  }).set({ version, node_version: process.version }, 1);
  const metrics: AgentMetrics = {
    registry,
    raftTerm: gauge('hawser_raft_term', 'Current Raft term; 0 outside a cluster and on workers.'),
    raftIsLeader: gauge('hawser_raft_is_leader', '1 on the leader.'),
    raftCommitSeconds: histogram('hawser_raft_commit_seconds', 'From proposal to applied.'),
    gossipMembers: gauge(
      'hawser_gossip_members',
      'Nodes of the cluster that gossip finds alive, this one among them.',
    ),
    reconcileRepairs: new Counter({
      name: 'hawser_reconcile_repairs_total',
      help: 'Kernel objects found other than this agent had put them, and mended.',
      labelNames: ['kind'],
      registers,
    }),
    reconcileSeconds: histogram('hawser_reconcile_seconds', 'One pass of the reconcile loop.'),
    lbBackends: gauge(
      'hawser_lb_backends',
      'Backends of all VIPs and published ports on this node.',
    ),
    overlayEndpoints: gauge(
      'hawser_overlay_endpoints',
      'Endpoints this node knows on its networks.',
    ),
  };
  collectDns(registry, sources);
  collectApi(registry, sources);
  collectGossip(registry, () => sources.gossip());
  const scrape = registry.metrics.bind(registry);
  registry.metrics = async () => {
    sources.refresh(metrics);
    return scrape();
  };
  return metrics;
}

const API_COUNTERS = [
  ['hawser_api_requests_total', 'requestsTotal', 'Requests to the Engine API.'],
  ['hawser_api_refused_total', 'refusedTotal', 'Those that were refused.'],
  ['hawser_api_failed_total', 'failedTotal', 'Those answered with 500, because this node failed.'],
  ['hawser_api_dropped_total', 'connectionsDroppedTotal', 'Connections beyond the limit.'],
] as const;

function collectApi(registry: Registry, sources: ScrapeSources): void {
  for (const [name, field, help] of API_COUNTERS) {
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(sources.apiCounters()?.[field] ?? 0);
      },
    });
  }
}

function collectDns(registry: Registry, sources: ScrapeSources): void {
  new Counter({
    name: 'hawser_dns_queries_total',
    help: 'DNS queries of containers on this node.',
    labelNames: ['type', 'outcome'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { type, outcome, count } of sources.dnsQueries())
        this.inc({ type, outcome }, count);
    },
  });
}

/** Serves `GET /metrics` on `address` (`IP:port`); resolves when it listens. */
export async function serveMetrics(address: string, registry: Registry): Promise<Server> {
  const split = address.lastIndexOf(':');
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404).end('the only page here is /metrics\n');
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      (error: unknown) => response.writeHead(500).end(`${String(error)}\n`),
    );
  });
  server.headersTimeout = 5000;
  server.requestTimeout = 10_000;
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const host = address.slice(0, split).replace(/^\[|\]$/g, '');
    server.listen(Number(address.slice(split + 1)), host, resolve);
  });
  return server;
}

/** Gauges that follow from the view and from this node's part in the cluster. */
export function refreshFromView(metrics: AgentMetrics, member: ClusterMember | undefined): void {
  const view = member?.view;
  const raft = member?.manager?.raft();
  metrics.raftTerm.set(raft?.term ?? 0);
  metrics.raftIsLeader.set(raft?.isLeader === true ? 1 : 0);
  metrics.gossipMembers.set(member?.gossip?.members ?? 0);
  const endpoints = [...(view?.endpoints.values() ?? [])];
  metrics.overlayEndpoints.set(countAttachments(endpoints));
  metrics.lbBackends.set(countAttachments(endpoints.filter((endpoint) => endpoint.isServing)));
}

function countAttachments(endpoints: readonly EndpointRow[]): number {
  return endpoints.reduce((sum, endpoint) => sum + endpoint.attachments.length, 0);
}
