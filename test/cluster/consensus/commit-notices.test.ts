import test from 'ava';
import { CommitNotices } from '../../../src/cluster/consensus/commit-notices.ts';
import type { Entry, LogIndex, Message, Term } from '../../../src/raft/index.ts';
import { peerId } from './support/group.ts';
import { World } from './support/world.ts';

const [ONE, TWO] = [peerId(1), peerId(2)];
const ENTRY: Entry = { term: 1 as Term, index: 8 as LogIndex, payload: { kind: 'empty' } };

function append(commit: number, entries: readonly Entry[] = []): Message {
  const term = 1 as Term;
  const previousIndex = 7 as LogIndex;
  const head = { kind: 'append.request', from: ONE, to: TWO, term } as const;
  return { ...head, previousIndex, previousTerm: term, entries, commit: commit as LogIndex };
}

interface Stage {
  readonly world: World;
  readonly sent: Message[];
  readonly notices: CommitNotices;
  readonly pass: (message: Message) => void;
}

function stage(): Stage {
  const world = new World();
  const sent: Message[] = [];
  const notices = new CommitNotices((message) => sent.push(message), world.pace());
  return { world, sent, notices, pass: (message) => notices.pass(message, world.now) };
}

test('a commit that nobody waits for is told a little later', async (t) => {
  const { world, sent, pass } = stage();
  pass(append(7));
  t.deepEqual(sent, []);
  await world.run(20);
  t.deepEqual(sent, [append(7)]);
});

test('an append with entries tells it, and nothing follows', async (t) => {
  const { world, sent, pass } = stage();
  pass(append(7));
  pass(append(7, [ENTRY]));
  await world.run(20);
  t.deepEqual(sent, [append(7, [ENTRY])]);
});

test('of several only the last is told, as early as the first would have been', async (t) => {
  const { world, sent, pass } = stage();
  for (let commit = 1; commit <= 6; commit += 1) {
    pass(append(commit));
    await world.run(1);
  }
  t.is(sent.length, 1);
});

test('a follower on which somebody waits is told at once', (t) => {
  const { world, sent, notices, pass } = stage();
  pass(append(7));
  notices.noteReceived({ kind: 'proposal.forward', from: TWO, to: ONE, commands: [] }, world.now);
  t.deepEqual(sent, [append(7)]);
  pass(append(8));
  t.deepEqual(sent.at(-1), append(8));
});

test('other messages are not held', (t) => {
  const { sent, pass } = stage();
  const message: Message = { kind: 'timeout-now', from: ONE, to: TWO, term: 1 as Term };
  pass(message);
  t.deepEqual(sent, [message]);
});

test('what is held when it is closed is not told', async (t) => {
  const { world, sent, notices, pass } = stage();
  pass(append(7));
  notices.close();
  await world.run(20);
  t.deepEqual(sent, []);
});
