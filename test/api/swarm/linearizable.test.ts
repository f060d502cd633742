/** Who waits for the managers before it answers, and who never does. */
import test from 'ava';
import { ClusterError, type ClusterErrorDetail } from '../../../src/cluster/index.ts';
import { Fixture } from '../fixture.ts';

const WAITING = [
  ['GET', '/swarm'],
  ['GET', '/swarm/unlockkey'],
  ['POST', '/swarm/update?version=1'],
  ['GET', '/nodes'],
  ['GET', '/nodes/node-1'],
  ['POST', '/nodes/node-1/update?version=1'],
  ['DELETE', '/nodes/node-2'],
  ['GET', '/services'],
  ['POST', '/services/create'],
  ['GET', '/services/x'],
  ['POST', '/services/x/update?version=1'],
  ['DELETE', '/services/x'],
  ['GET', '/services/x/logs?stdout=1'],
  ['GET', '/tasks'],
  ['GET', '/tasks/x'],
  ['GET', '/tasks/x/logs?stdout=1'],
  ['GET', '/networks'],
  ['GET', '/networks/ingress'],
  ['POST', '/networks/create'],
  ['POST', '/networks/prune'],
  ['DELETE', '/networks/x'],
] as const;

for (const [method, path] of WAITING) {
  test(`${method} ${path} waits for the managers once, and needs a leader`, async (t) => {
    const fixture = await Fixture.startManager(t);
    const body = method === 'POST' ? {} : undefined;
    const { syncs } = fixture.member;
    t.not((await fixture.ask(method, path, body)).status, 501);
    t.is(fixture.member.syncs, syncs + 1);
    const proposed = fixture.member.commands.length;
    fixture.member.unavailable = new ClusterError({ code: 'no-leader' }, 'nobody leads');
    const refused = await fixture.ask(method, path, body);
    t.is(refused.status, 500);
    t.deepEqual(refused.document, { message: 'nobody leads' });
    t.is(fixture.member.commands.length, proposed);
  });
}

const NEVER = ['/_ping', '/version', '/info', '/images/json', '/containers/json', '/volumes'];

for (const path of NEVER) {
  test(`GET ${path} answers without a leader`, async (t) => {
    const fixture = await Fixture.startManager(t);
    fixture.member.hasLeader = false;
    fixture.member.unavailable = new ClusterError({ code: 'no-leader' }, 'nobody leads');
    t.is((await fixture.ask('GET', path)).status, 200);
    t.is(fixture.member.syncs, 0);
  });
}

test('info says that there is no leader, and that this is a manager', async (t) => {
  const fixture = await Fixture.startManager(t);
  fixture.member.hasLeader = false;
  const { document } = await fixture.ask('GET', '/info');
  const { Swarm } = document as { Swarm: Record<string, unknown> };
  t.like(Swarm, { LocalNodeState: 'active', ControlAvailable: true });
  t.regex(String(Swarm['Error']), /The swarm does not have a leader/);
});

const REFUSALS: readonly { detail: ClusterErrorDetail; status: number }[] = [
  { detail: { code: 'no-leader' }, status: 500 },
  { detail: { code: 'timeout' }, status: 500 },
  { detail: { code: 'busy' }, status: 503 },
  { detail: { code: 'closed' }, status: 503 },
  { detail: { code: 'disk-full', file: 'f' }, status: 503 },
  { detail: { code: 'not-leader', leader: undefined }, status: 503 },
];

for (const { detail, status } of REFUSALS) {
  test(`managers that say ${detail.code} are quoted with ${status}, as a refusal`, async (t) => {
    const fixture = await Fixture.startManager(t);
    fixture.member.unavailable = new ClusterError(detail, 'so it is');
    const answer = await fixture.ask('GET', '/services');
    t.is(answer.status, status);
    t.deepEqual(answer.document, { message: 'so it is' });
    t.like(fixture.api?.counters, { refusedTotal: 1, failedTotal: 0 });
  });
}

test('a worker answers from its view, without managers', async (t) => {
  const fixture = await Fixture.start(t);
  const body = { RemoteAddrs: ['198.18.0.9:2377'], JoinToken: 'SWMTKN-1-a-b' };
  await fixture.ask('POST', '/swarm/join', body);
  t.is((await fixture.ask('GET', '/networks')).status, 200);
  t.is(fixture.member.syncs, 0);
});
