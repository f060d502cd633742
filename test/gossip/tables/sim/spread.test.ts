import test from 'ava';
import { SeededRng, randomBelow } from '../../../../src/base/index.ts';
import { KIND, NETWORK, bytes, makeGroup, nameOf, type TestNode } from '../support.ts';

const FANOUT = 3;
const PACKET_BYTES = 1300;

interface Spread {
  readonly rounds: number;
  readonly bytesPerNode: number;
}

/** Gossips until everyone has the row, each datagram lost with a chance of `loss` in 1,000. */
function spread(nodes: readonly TestNode[], loss: number, rng: SeededRng): Spread {
  let sent = 0;
  for (let rounds = 1; rounds < 100; rounds += 1) {
    const flights = nodes.flatMap((from) => packetsOf(from, nodes, rng));
    for (const { from, to, message } of flights) {
      sent += message.length;
      if (randomBelow(rng, 1000) >= loss) to.tables.receive(message, from.id, 0);
    }
    if (nodes.every(hasRow)) return { rounds, bytesPerNode: Math.round(sent / nodes.length) };
  }
  throw new Error('the row has not reached everyone in 100 rounds');
}

function packetsOf(from: TestNode, nodes: readonly TestNode[], rng: SeededRng) {
  return Array.from({ length: FANOUT }, () => {
    const to = nodes[randomBelow(rng, nodes.length)] as TestNode;
    const messages = from.tables.takeBroadcasts(NETWORK, PACKET_BYTES, nodes.length);
    return messages.map((message) => ({ from, to, message }));
  }).flat();
}

function hasRow({ tables }: TestNode): boolean {
  const name = { networkId: NETWORK, owner: 'n0' as TestNode['id'], kind: KIND, key: 'k' };
  return tables.value(name) !== undefined;
}

test('a row of 150 bytes reaches 300 nodes within 15 rounds of gossip at 5 % loss', (t) => {
  const ids = Array.from({ length: 300 }, (_, index) => `n${index}`);
  const worst = { rounds: 0, bytesPerNode: 0 };
  for (let seed = 1; seed <= 5; seed += 1) {
    const nodes = makeGroup(ids);
    nodes[0]?.tables.put(nameOf('k'), bytes('v'.repeat(150)), 0);
    const { rounds, bytesPerNode } = spread(nodes, 50, new SeededRng(seed));
    worst.rounds = Math.max(worst.rounds, rounds);
    worst.bytesPerNode = Math.max(worst.bytesPerNode, bytesPerNode);
  }
  t.log(`${worst.rounds} rounds, ${worst.bytesPerNode} bytes sent by each node`);
  t.true(worst.rounds <= 15);
});
