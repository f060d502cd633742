import test from 'ava';
import { createMetrics, refreshFromView } from '../../../src/agent/telemetry/metrics.ts';
import { parseClusterSpec } from '../../../src/model/index.ts';
import { FakeMember } from '../../api/fake-member.ts';

/** Values of the gauges at a scrape, by name. */
async function scraped(member: FakeMember | undefined): Promise<Record<string, string>> {
  const { registry } = createMetrics('0.1.0', {
    dnsQueries: () => [],
    apiCounters: () => undefined,
    gossip: () => undefined,
    refresh: (all) => refreshFromView(all, member),
  });
  const text = await registry.metrics();
  return Object.fromEntries(
    [...text.matchAll(/^(hawser_\w+) (\S+)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}

async function manager(): Promise<FakeMember> {
  const member = new FakeMember();
  await member.init({
    advertiseAddress: '198.18.0.1',
    listenAddress: '0.0.0.0:2377',
    spec: parseClusterSpec({}),
    availability: 'active',
  });
  return member;
}

test('the term and who leads are read anew at each scrape', async (t) => {
  const member = await manager();
  t.like(await scraped(member), { hawser_raft_term: '1', hawser_raft_is_leader: '1' });
  member.hasLeader = false;
  t.like(await scraped(member), { hawser_raft_term: '1', hawser_raft_is_leader: '0' });
});

test('outside a cluster and on workers, both are zero', async (t) => {
  const worker = await manager();
  worker.manager = undefined;
  for (const member of [undefined, worker]) {
    t.like(await scraped(member), { hawser_raft_term: '0', hawser_raft_is_leader: '0' });
  }
});
