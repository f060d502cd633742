import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import type { NodeId } from '../../../../src/model/index.ts';
import { HostWatch } from '../../../../src/cluster/gossip/hosts/host-watch.ts';
import { knock } from '../../../../src/cluster/gossip/hosts/knock.ts';
import { until } from '../../fixture.ts';

const NODE = 'n2' as NodeId;
const TO = { host: '192.0.2.2', port: 7946 };
const LIMITS = { suspectMs: 2, failedMs: 2, missesMax: 3, hostsMax: 2 };

interface World {
  readonly watch: HostWatch;
  isThere: boolean;
  knocks: number;
  changes: number;
}

function world(t: ExecutionContext, isThere: boolean): World {
  const made: World = {
    isThere,
    knocks: 0,
    changes: 0,
    watch: new HostWatch({
      knock: async () => {
        made.knocks += 1;
        return made.isThere;
      },
      changed: () => (made.changes += 1),
      limits: LIMITS,
    }),
  };
  t.teardown(() => made.watch.close());
  return made;
}

test('a failed node whose host answers is not silent', async (t) => {
  const at = world(t, true);
  at.watch.suspected(NODE, TO);
  at.watch.failed(NODE, TO);
  await until('some knocks', () => at.knocks > 6);
  t.false(at.watch.isSilent(NODE));
  t.is(at.changes, 0);
});

test('a failed node whose host does not answer falls silent, and is left alone', async (t) => {
  const at = world(t, false);
  at.watch.failed(NODE, TO);
  t.false(at.watch.isSilent(NODE), 'not before it was asked');
  await until('silence', () => at.watch.isSilent(NODE));
  t.is(at.changes, 1);
  const { knocks } = at;
  await new Promise((resolve) => setTimeout(resolve, 5 * LIMITS.suspectMs));
  t.is(at.knocks, knocks);
});

test('a host asked during the suspicion is silent as soon as its node fails', async (t) => {
  const at = world(t, false);
  at.watch.suspected(NODE, TO);
  await until('three knocks', () => at.knocks >= 4);
  t.false(at.watch.isSilent(NODE), 'a suspicion is none yet');
  at.watch.failed(NODE, TO);
  t.true(at.watch.isSilent(NODE));
});

test('a silent host that answers again stays silent until its agent is heard', async (t) => {
  const at = world(t, false);
  at.watch.failed(NODE, TO);
  await until('silence', () => at.watch.isSilent(NODE));
  at.isThere = true;
  at.watch.suspected(NODE, TO);
  at.watch.failed(NODE, TO);
  t.true(at.watch.isSilent(NODE));
  at.watch.release(NODE);
  t.false(at.watch.isSilent(NODE));
  t.is(at.changes, 2);
});

test('a host that goes later than its agent falls silent then', async (t) => {
  const at = world(t, true);
  at.watch.failed(NODE, TO);
  await until('some knocks', () => at.knocks > 3);
  at.isThere = false;
  await until('silence', () => at.watch.isSilent(NODE));
  t.pass();
});

test('a suspicion that was wrong leaves nothing behind', async (t) => {
  const at = world(t, false);
  at.watch.suspected(NODE, TO);
  await until('a knock', () => at.knocks > 0);
  at.watch.release(NODE);
  const { knocks } = at;
  await new Promise((resolve) => setTimeout(resolve, 5 * LIMITS.suspectMs));
  t.true(at.knocks <= knocks + 1);
  t.is(at.changes, 0);
});

test('of hosts beyond those that are watched, the failure detector’s word holds', (t) => {
  const at = world(t, true);
  for (const id of ['a', 'b', 'c']) at.watch.failed(id as NodeId, TO);
  t.deepEqual(
    ['a', 'b', 'c'].map((id) => at.watch.isSilent(id as NodeId)),
    [false, false, true],
  );
});

test('a kernel answers a knock with or without an agent; no host, no answer', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  t.true(await knock({ host: '127.0.0.1', port }, '127.0.0.1'));
  await new Promise((resolve) => server.close(resolve));
  t.true(await knock({ host: '127.0.0.1', port }, '127.0.0.1'));
  // Reserved (RFC 1112, section 4): no host has it, and no route leads there.
  t.false(await knock({ host: '240.0.0.1', port }, '127.0.0.1'));
});
