import test from 'ava';
import { FACT_KINDS, NetworkTables, encodeFact, factKey } from '../../../../src/gossip/index.ts';
import type { NetworkId, NodeId, Revision } from '../../../../src/model/index.ts';
import { FactBoard } from '../../../../src/cluster/gossip/facts/fact-board.ts';
import { ownFacts, type OwnFact } from '../../../../src/cluster/gossip/facts/own-facts.ts';
import { NETWORK, assignment, endpoint, nodeId, taskId, view } from './rows.ts';

interface Side {
  readonly tables: NetworkTables;
  readonly board: FactBoard;
}

function side(number: number, others: readonly number[]): Side {
  const tables = new NetworkTables({ nodeId: nodeId(number) });
  tables.joinNetwork(NETWORK, 0);
  for (const other of others) tables.restoreOwner(nodeId(other));
  return { tables, board: new FactBoard(tables) };
}

/** Gives everything that one has to tell to the other. */
function tell(from: Side, to: Side, id: NodeId): void {
  for (;;) {
    const messages = from.tables.takeBroadcasts(NETWORK, 1300, 2);
    if (messages.length === 0) return;
    for (const bytes of messages) to.tables.receive(bytes, id, 0);
  }
}

const factsOf = (state: 'running' | 'failed'): OwnFact[] =>
  ownFacts(
    view({ endpoints: [endpoint(1, 1)], assignments: [assignment(1, state)] }),
    () => undefined,
  );

test('what a node says of its endpoint is known to another, and what it takes back is not', (t) => {
  const [one, two] = [side(1, [2]), side(2, [1])];
  one.board.write(factsOf('running'), 0);
  tell(one, two, nodeId(1));
  t.true(two.board.takeChanges());
  t.is(two.board.stateOf(taskId(1), nodeId(1)), 'ready');
  one.board.write(factsOf('failed'), 1);
  tell(one, two, nodeId(1));
  two.board.takeChanges();
  t.is(two.board.stateOf(taskId(1), nodeId(1)), 'draining');
  one.board.write([], 2);
  tell(one, two, nodeId(1));
  two.board.takeChanges();
  t.is(two.board.stateOf(taskId(1), nodeId(1)), undefined);
  t.false(two.board.takeChanges());
});

test('a node knows at once what it says itself', (t) => {
  const { board } = side(1, []);
  board.write(factsOf('failed'), 0);
  t.true(board.takeChanges());
  t.is(board.stateOf(taskId(1), nodeId(1)), 'draining');
});

test('what a node says of a task is no word of another node', (t) => {
  const [one, two] = [side(1, [2]), side(2, [1])];
  one.board.write(factsOf('failed'), 0);
  tell(one, two, nodeId(1));
  two.board.takeChanges();
  t.is(two.board.stateOf(taskId(1), nodeId(3)), undefined);
});

test('of a failed node nothing is known until it is alive again', (t) => {
  const [one, two] = [side(1, [2]), side(2, [1])];
  one.board.write(factsOf('failed'), 0);
  tell(one, two, nodeId(1));
  two.board.takeChanges();
  two.tables.hideOwner(nodeId(1));
  two.board.takeChanges();
  t.is(two.board.stateOf(taskId(1), nodeId(1)), undefined);
  two.tables.restoreOwner(nodeId(1));
  two.board.takeChanges();
  t.is(two.board.stateOf(taskId(1), nodeId(1)), 'draining');
});

test('the oldest acknowledged revision of a network is that of the slowest node', (t) => {
  const [one, two] = [side(1, [2]), side(2, [1])];
  t.is(two.board.lowestRevision(NETWORK), undefined);
  one.board.acknowledge(NETWORK, 7 as Revision, 0);
  two.board.acknowledge(NETWORK, 9 as Revision, 0);
  tell(one, two, nodeId(1));
  two.board.takeChanges();
  t.is(two.board.lowestRevision(NETWORK), 7 as Revision);
  one.board.acknowledge(NETWORK, 10 as Revision, 1);
  tell(one, two, nodeId(1));
  two.board.takeChanges();
  t.is(two.board.lowestRevision(NETWORK), 9 as Revision);
  two.tables.hideOwner(nodeId(1));
  two.board.takeChanges();
  t.is(two.board.lowestRevision(NETWORK), 9 as Revision);
});

test('facts of a network that is not joined are written once it is', (t) => {
  const tables = new NetworkTables({ nodeId: nodeId(1) });
  const board = new FactBoard(tables);
  board.write(factsOf('running'), 0);
  t.is(board.refused, 0);
  tables.joinNetwork(NETWORK, 0);
  board.write(factsOf('running'), 0);
  board.takeChanges();
  t.is(board.stateOf(taskId(1), nodeId(1)), 'ready');
});

test('a fact that cannot be read is counted, and taken for none', (t) => {
  const { tables, board } = side(1, []);
  const name = { networkId: NETWORK, kind: FACT_KINDS.endpoint, key: taskId(1) };
  tables.put(name, Uint8Array.of(1, 255), 0);
  board.takeChanges();
  t.is(board.refused, 1);
  t.is(board.stateOf(taskId(1), nodeId(1)), undefined);
});

test('acknowledgements of one network say nothing of another', (t) => {
  const { tables, board } = side(1, []);
  const other = 'network-2' as NetworkId;
  const fact = { kind: 'acknowledged', revision: 4 as Revision } as const;
  tables.joinNetwork(other, 0);
  tables.put({ networkId: other, ...factKey(fact) }, encodeFact(fact), 0);
  board.takeChanges();
  t.is(board.lowestRevision(NETWORK), undefined);
  t.is(board.lowestRevision(other), 4 as Revision);
});
