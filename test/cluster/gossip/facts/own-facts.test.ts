import test from 'ava';
import { FACT_KINDS, decodeFact } from '../../../../src/gossip/index.ts';
import type { Task, TaskState } from '../../../../src/model/index.ts';
import { ownFacts } from '../../../../src/cluster/gossip/facts/own-facts.ts';
import { NETWORK, assignment, endpoint, taskId, view } from './rows.ts';

interface Case {
  readonly known: TaskState;
  readonly desired?: Task['desiredState'];
  readonly seen?: TaskState;
  readonly expected: 'ready' | 'draining' | undefined;
}

const CASES: readonly Case[] = [
  { known: 'running', expected: 'ready' },
  { known: 'starting', expected: undefined },
  { known: 'starting', seen: 'running', expected: 'ready' },
  { known: 'running', seen: 'failed', expected: 'draining' },
  { known: 'running', seen: 'complete', expected: 'draining' },
  { known: 'running', desired: 'shutdown', expected: 'draining' },
  { known: 'running', desired: 'remove', expected: 'draining' },
  { known: 'shutdown', desired: 'shutdown', expected: 'draining' },
  { known: 'ready', desired: 'ready', expected: undefined },
];

const nameOf = ({ known, desired = 'running', seen, expected }: Case): string =>
  `known ${known}, wanted ${desired}, seen ${seen ?? 'nothing'}: ${expected ?? 'no fact'}`;

for (const each of CASES)
  test(nameOf(each), (t) => {
    const { known, desired, seen, expected } = each;
    const rows = { endpoints: [endpoint(1, 1)], assignments: [assignment(1, known, desired)] };
    const facts = ownFacts(view(rows), () => seen);
    const decoded = facts.map(({ value }) => decodeFact(FACT_KINDS.endpoint, value));
    t.deepEqual(
      decoded.map((fact) => fact?.kind === 'endpoint' && fact.state),
      expected === undefined ? [] : [expected],
    );
  });

test('a fact says where the endpoint is', (t) => {
  const rows = { endpoints: [endpoint(1, 1)], assignments: [assignment(1, 'running')] };
  const [fact] = ownFacts(view(rows), () => undefined);
  if (fact === undefined) return t.fail();
  t.deepEqual(fact.name, { networkId: NETWORK, kind: FACT_KINDS.endpoint, key: taskId(1) });
  t.like(decodeFact(fact.name.kind, fact.value), {
    addresses: [{ address: '10.0.0.1' }],
    vtep: '192.0.2.1',
    mac: '02:42:0a:00:00:01',
    serviceId: 'web',
  });
});

test('nothing is said without an endpoint, of others’ tasks, or by a node without a place', (t) => {
  const assignments = [assignment(1, 'running')];
  t.deepEqual(
    ownFacts(view({ assignments }), () => undefined),
    [],
  );
  t.deepEqual(
    ownFacts(view({ endpoints: [endpoint(2, 2)] }), () => 'failed'),
    [],
  );
  const nowhere = view({ peers: [], endpoints: [endpoint(1, 1)], assignments });
  t.deepEqual(
    ownFacts(nowhere, () => undefined),
    [],
  );
});
