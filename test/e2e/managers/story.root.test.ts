/**
 * Story 7: five managers as real processes, killed one after the other while a client writes and
 * others ask; then roles that change, nodes that go, and a cluster that is forced anew.
 */
import test from 'ava';
import { ApiError } from '../../../src/client/index.ts';
import { labStart, labStatus, labStop } from '../../../src/lab/index.ts';
import {
  apiOf,
  eventually,
  IMAGE,
  inLab,
  labDown,
  labNode,
  QUICK,
  startLab,
  tasksOf,
  tryVerb,
  verb,
  whenRunningAt,
} from '../lab-fixture.ts';
import { Prober } from './prober.ts';
import {
  hostname,
  managersNow,
  NO_LEADER,
  raftTerm,
  shownAs,
  swarmOf,
  whenLed,
  whenShownAs,
  whenWritten,
  WRITABLE_LIMIT_MS,
} from './seen.ts';
import { Writer } from './writer.ts';

const MANAGERS = [1, 2, 3, 4, 5];
const WORKERS = [6, 7];
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
/** "At once": a refusal waits for nobody. */
const REFUSAL_LIMIT_MS = 1_000;

let writer: Writer | undefined;
let probers: readonly Prober[] = [];

test.before(() => startLab(MANAGERS.length + WORKERS.length, MANAGERS.length));
test.after.always(async () => {
  for (const prober of probers) prober.stop();
  await writer?.stop();
  await labDown();
});

async function createRefused(manager: number): Promise<{ reason: string; tookMs: number }> {
  const startedAt = performance.now();
  const TaskTemplate = { ContainerSpec: { Image: IMAGE } };
  const body = { Name: 'refused', TaskTemplate, Mode: { Replicated: { Replicas: 0 } } };
  try {
    await apiOf(manager).call({ method: 'POST', path: '/services/create', body });
    return { reason: '', tookMs: performance.now() - startedAt };
  } catch (error) {
    const reason = error instanceof ApiError ? error.message : String(error);
    return { reason, tookMs: performance.now() - startedAt };
  }
}

test.serial('five managers: one leads, all are reachable and say the same', async (t) => {
  t.log(`SEED=${SEED}`);
  const leader = await whenLed(t);
  for (const manager of MANAGERS) {
    const swarm = await swarmOf(manager);
    t.like(swarm, { ControlAvailable: true, Error: '', Managers: MANAGERS.length });
    for (const node of MANAGERS) {
      const shown = node === leader ? /^Ready\/Leader$/ : /^Ready\/Reachable$/;
      await whenShownAs(t, { manager, node, shown });
    }
  }
  t.is((await tryVerb(6, 'node', 'ls')).status === 0, false, 'workers do not know');
});

test.serial('a published service and its name answer from workers', async (t) => {
  await verb(t, 2, 'network', 'create', '-d', 'overlay', 'demo');
  const create = ['service', 'create', ...QUICK, '-d', '--network', 'demo'];
  // By label, so that they stay when a worker is promoted.
  for (const node of WORKERS) {
    await verb(t, 1, 'node', 'update', '--label-add', 'tasks=yes', hostname(node));
  }
  const onWorkers = ['--constraint', 'node.labels.tasks==yes'];
  const whoami = ['--name', 'whoami', '--replicas', '2', '-p', '8000:8000'];
  await verb(t, 3, ...create, ...onWorkers, ...whoami, IMAGE);
  await verb(t, 4, ...create, ...onWorkers, '--name', 'client', IMAGE, 'sleep', '86400');
  await whenRunningAt(t, { manager: 5, service: 'whoami', count: 2 });
  const [client] = await whenRunningAt(t, { manager: 5, service: 'client', count: 1 });
  const pid = client?.Status.ContainerStatus?.PID ?? 0;
  const inside = ['nsenter', '-t', String(pid), '-n', '-m', '--'];
  const nodes = [...MANAGERS, ...WORKERS];
  const ports = nodes.map((node) => `${labNode(node).address}:8000`);
  await eventually(t, 'the port on every node', {
    look: () => Promise.all(ports.map((port) => inLab('client', 'curl', '-sf', port))),
    holds: (answers) => answers.every(({ status }) => status === 0),
  });
  const fromOutside = ['nsenter', '--net=/run/netns/hawser-lab-client', '--'];
  probers = [
    new Prober(fromOutside, 'curl -sSf --max-time 3 $1', ports),
    new Prober(inside, 'timeout 3 wget -q -O - http://$1:8000/', ['whoami', 'tasks.whoami']),
  ];
  writer = new Writer(MANAGERS, SEED);
  await whenWritten(t, writer, performance.now());
});

test.serial('the leader and another manager are killed: it is writable again soon', async (t) => {
  const leader = await whenLed(t);
  const other = MANAGERS.find((node) => node !== leader) ?? 0;
  const killedAt = performance.now();
  await labStop(String(leader), 'SIGKILL');
  const afterLeader = await whenWritten(t, writer, killedAt);
  await labStop(String(other), 'SIGKILL');
  const afterBoth = await whenWritten(t, writer, performance.now());
  t.log(`written ${afterLeader} ms after the leader's end, ${afterBoth} ms after another's`);
  t.true(afterLeader < WRITABLE_LIMIT_MS && afterBoth < WRITABLE_LIMIT_MS);
  const next = await whenLed(t);
  t.false([leader, other].includes(next));
  await whenShownAs(t, { manager: next, node: leader, shown: /\/Unreachable$/ });
});

test.serial('workers find the new leader', async (t) => {
  const [manager = 0] = await managersNow();
  await verb(t, manager, 'service', 'scale', '-d', 'whoami=3');
  await whenRunningAt(t, { manager, service: 'whoami', count: 3 });
  for (const node of WORKERS) await whenShownAs(t, { manager, node, shown: /^Ready\/$/ });
});

test.serial('a third manager is killed: refused at once, traffic unharmed', async (t) => {
  await labStop(String(await whenLed(t)), 'SIGKILL');
  const left = (await labStatus()).filter(({ pid }) => pid !== undefined);
  const survivors = left.map(({ number }) => number).filter((node) => MANAGERS.includes(node));
  t.is(survivors.length, 2);
  for (const manager of survivors) {
    await eventually(t, `a refusal of manager ${manager}`, {
      look: () => createRefused(manager),
      holds: ({ reason }) => NO_LEADER.test(reason),
    });
  }
  const since = performance.now();
  for (const manager of survivors) {
    for (let time = 0; time < 3; time += 1) {
      const { reason, tookMs } = await createRefused(manager);
      t.regex(reason, NO_LEADER);
      t.true(tookMs < REFUSAL_LIMIT_MS, `refused after ${tookMs} ms`);
    }
    for (const words of [
      ['service', 'create', '-d', IMAGE],
      ['node', 'ls'],
      ['service', 'ls'],
    ]) {
      const ran = await tryVerb(manager, ...words);
      t.not(ran.status, 0);
      t.regex(ran.stderr, NO_LEADER);
    }
    const swarm = await swarmOf(manager);
    t.true(swarm.ControlAvailable);
    t.regex(swarm.Error, NO_LEADER);
  }
  t.deepEqual(
    writer?.acks.filter(({ startedAt }) => startedAt > since),
    [],
  );
  for (const prober of probers) {
    const { answered } = prober.seen;
    await eventually(t, 'ports and names to go on', {
      look: async () => prober.seen.answered,
      holds: (count) => count > answered + 10,
    });
  }
});

test.serial('one of them is back: it is writable; then all are', async (t) => {
  const away = (await labStatus()).filter(({ pid }) => pid === undefined);
  const [first = '', ...others] = away.map(({ number }) => String(number));
  const startedAt = performance.now();
  await labStart(first);
  const tookMs = await whenWritten(t, writer, startedAt);
  t.log(`written ${tookMs} ms after the start of a third manager`);
  t.true(tookMs < WRITABLE_LIMIT_MS);
  for (const node of others) await labStart(node);
  const leader = await whenLed(t);
  for (const node of MANAGERS) {
    await whenShownAs(t, { manager: leader, node, shown: /^Ready\/(Leader|Reachable)$/ });
  }
});

test.serial('a worker is promoted, and demoted again; its tasks go on', async (t) => {
  const before = await whenRunningAt(t, { manager: 1, service: 'whoami', count: 3 });
  await verb(t, 2, 'node', 'promote', hostname(6));
  await whenShownAs(t, { manager: 1, node: 6, shown: /^Ready\/Reachable$/ });
  await eventually(t, 'node 6 to answer as a manager', {
    look: () => tryVerb(6, 'node', 'ls', '-q'),
    holds: ({ status, stdout }) => status === 0 && stdout.trim().split('\n').length === 7,
  });
  await verb(t, 6, 'node', 'demote', hostname(6));
  await whenShownAs(t, { manager: 1, node: 6, shown: /^Ready\/$/ });
  await eventually(t, 'node 6 to be a worker', {
    look: () => swarmOf(6),
    holds: ({ ControlAvailable, LocalNodeState }) =>
      !ControlAvailable && LocalNodeState === 'active',
  });
  const containers = (tasks: typeof before): string[] =>
    tasks.map(({ Status }) => Status.ContainerStatus?.ContainerID ?? '').sort();
  t.deepEqual(
    containers(await whenRunningAt(t, { manager: 1, service: 'whoami', count: 3 })),
    containers(before),
  );
});

test.serial('the leader is demoted: another leads, and it stays as a worker', async (t) => {
  const leader = await whenLed(t);
  await verb(t, leader, 'node', 'demote', hostname(leader));
  const next = await eventually(t, 'another leader', {
    look: () => managersNow(),
    holds: ([first = leader, ...rest]) => first !== leader && !rest.includes(leader),
  });
  t.is(next.length, 4);
  await whenShownAs(t, { manager: next[0] ?? 0, node: leader, shown: /^Ready\/$/ });
  await whenWritten(t, writer, performance.now());
});

test.serial('no request of a published port or a name failed in all this', async (t) => {
  for (const prober of probers) {
    await eventually(t, 'enough requests', {
      look: async () => prober.seen.answered,
      holds: (count) => count > 100,
    });
    const { answered, failed } = prober.stop();
    t.log(`${answered} answered, ${failed.length} failed`);
    t.deepEqual(failed, []);
  }
});

test.serial('a removed manager cannot come back by itself', async (t) => {
  const [leader = 0, gone = 0] = await managersNow();
  await labStop(String(gone), 'SIGKILL');
  await whenShownAs(t, { manager: leader, node: gone, shown: /\/Unreachable$/ });
  const early = await tryVerb(leader, 'node', 'rm', '--force', hostname(gone));
  t.not(early.status, 0);
  t.regex(early.stderr, /must be demoted to worker before removal/);
  await verb(t, leader, 'node', 'demote', hostname(gone));
  await eventually(t, 'the node to be removed', {
    look: () => tryVerb(leader, 'node', 'rm', '--force', hostname(gone)),
    holds: ({ status }) => status === 0,
  });
  const term = await raftTerm(leader);
  await labStart(String(gone));
  await eventually(t, 'the removed node to know that it is out', {
    look: () => swarmOf(gone),
    holds: ({ LocalNodeState, ControlAvailable }) =>
      LocalNodeState !== 'active' && !ControlAvailable,
  });
  t.not((await tryVerb(gone, 'node', 'ls')).status, 0);
  t.is(await shownAs(leader, gone), '');
  t.is(await raftTerm(leader), term, 'nobody was disturbed');
  t.is(await whenLed(t), leader);
});

test.serial('a manager that leaves is warned, and then gone', async (t) => {
  const [leader = 0, , leaver = 0] = await managersNow();
  const refused = await tryVerb(leaver, 'swarm', 'leave');
  t.not(refused.status, 0);
  t.regex(refused.stderr, /participating as a manager\. The only way to restore a swarm/);
  await verb(t, leaver, 'swarm', 'leave', '--force');
  t.is((await swarmOf(leaver)).LocalNodeState, 'inactive');
  await whenWritten(t, writer, performance.now());
  await tryVerb(leader, 'node', 'demote', hostname(leaver));
  await eventually(t, 'the node to be removed', {
    look: () => tryVerb(leader, 'node', 'rm', '--force', hostname(leaver)),
    holds: ({ status }) => status === 0,
  });
  t.is((await managersNow()).length, 2);
});

test.serial('no acknowledged write is lost, and each was made once', async (t) => {
  await writer?.stop();
  const managers = await managersNow();
  const written = await writer?.check(managers);
  t.log(`${written} writes, compared on ${managers.length} managers`);
  t.log(Object.fromEntries(writer?.refusals ?? []));
  t.deepEqual(writer?.faults, []);
  t.true((written ?? 0) > 100);
});

test.serial('the last manager forces a new cluster, and its state and tasks go on', async (t) => {
  const [lost = 0, last = 0] = await managersNow();
  const services = await verb(t, last, 'service', 'ls', '-q');
  const before = (await tasksOf('whoami', last)).map(({ ID }) => ID).sort();
  await labStop(String(lost), 'SIGKILL');
  await eventually(t, 'a refusal', {
    look: () => tryVerb(last, 'service', 'ls'),
    holds: ({ status, stderr }) => status !== 0 && NO_LEADER.test(stderr),
  });
  await verb(t, last, 'swarm', 'init', '--force-new-cluster');
  t.is(await verb(t, last, 'service', 'ls', '-q'), services);
  await whenShownAs(t, { manager: last, node: last, shown: /^Ready\/Leader$/ });
  await verb(t, last, 'service', 'update', '-d', '--label-add', 'forced=yes', 'whoami');
  for (const node of WORKERS) await whenShownAs(t, { manager: last, node, shown: /^Ready\/$/ });
  t.deepEqual((await tasksOf('whoami', last)).map(({ ID }) => ID).sort(), before);
});
