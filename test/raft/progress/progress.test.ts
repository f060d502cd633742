import test from 'ava';
import type { LogIndex } from '../../../src/raft/index.ts';
import { Progress } from '../../../src/raft/progress/progress.ts';

const index = (value: number): LogIndex => value as LogIndex;
const WINDOW = { inflightMessagesMax: 3, inflightBytesMax: 100 };
const FIRST = index(1);

function probing(next = 11): Progress {
  return new Progress(index(next), WINDOW);
}

function replicating(match = 10): Progress {
  const progress = probing(match + 1);
  progress.noteSent({ last: index(match), bytes: 0, commit: index(0) });
  progress.noteAccepted(index(match), FIRST);
  return progress;
}

function send(progress: Progress, last: number, rest: { bytes?: number; commit?: number } = {}) {
  const { bytes = 10, commit = 0 } = rest;
  progress.noteSent({ last: index(last), bytes, commit: index(commit) });
}

test('a probe goes once, then waits for an answer or a heartbeat', (t) => {
  const progress = probing();
  t.true(progress.wantsAppend(index(20), index(0)));
  send(progress, 20);
  t.like(progress, { isPaused: true, next: 11 });
  t.false(progress.wantsAppend(index(25), index(0)));
  progress.noteHeartbeat(index(20));
  t.true(progress.wantsAppend(index(25), index(0)));
});

test('a probe that is accepted goes on from there', (t) => {
  const progress = probing();
  send(progress, 20);
  t.true(progress.noteAccepted(index(20), FIRST));
  t.like(progress, { match: 20, next: 21, isPaused: false });
  t.is(progress.state.kind, 'replicate');
});

test('an answer from before a probe does not end it', (t) => {
  const progress = replicating(10);
  send(progress, 15);
  progress.noteUnreachable();
  t.is(progress.state.kind, 'probe');
  t.false(progress.noteAccepted(index(5), FIRST));
  t.is(progress.state.kind, 'probe');
});

for (const { name, rejected, hint, next } of [
  { name: 'to the hint', rejected: 10, hint: 4, next: 5 },
  { name: 'by one when the hint is no help', rejected: 10, hint: 10, next: 10 },
  { name: 'never below what is held', rejected: 10, hint: 0, next: 1 },
])
  test(`a probe that is refused goes back ${name}`, (t) => {
    const progress = probing(11);
    send(progress, 20);
    t.true(progress.noteRejected(index(rejected), index(hint)));
    t.like(progress, { next, isPaused: false, mustSend: true });
  });

test('a late refusal of another probe is no news', (t) => {
  const progress = probing(11);
  send(progress, 20);
  t.false(progress.noteRejected(index(7), index(3)));
  t.like(progress, { next: 11, isPaused: true });
});

test('what is replicated is sent ahead, within the window of messages', (t) => {
  const progress = replicating(10);
  for (const last of [11, 12, 13]) send(progress, last);
  t.like(progress, { next: 14, match: 10, isPaused: true });
  t.false(progress.wantsAppend(index(20), index(9)));
  progress.noteAccepted(index(12), FIRST);
  t.like(progress, { next: 14, match: 12, isPaused: false });
});

test('and within the window of bytes', (t) => {
  const progress = replicating(10);
  send(progress, 11, { bytes: 99 });
  t.false(progress.isPaused);
  send(progress, 12, { bytes: 1 });
  t.true(progress.isPaused);
});

test('an append without entries takes no place in the window', (t) => {
  const progress = replicating(10);
  for (let count = 0; count < 10; count += 1) send(progress, 10, { bytes: 0, commit: count });
  t.false(progress.isPaused);
});

test('a commit that it was not told is worth an append', (t) => {
  const progress = replicating(10);
  send(progress, 10, { bytes: 0, commit: 4 });
  t.false(progress.wantsAppend(index(10), index(4)));
  t.true(progress.wantsAppend(index(10), index(5)));
});

test('a refusal while replicating goes back to what is held, unless it is late', (t) => {
  const progress = replicating(10);
  send(progress, 15);
  t.false(progress.noteRejected(index(10), index(3)));
  t.is(progress.state.kind, 'replicate');
  t.true(progress.noteRejected(index(12), index(3)));
  t.like(progress, { next: 11, match: 10 });
  t.is(progress.state.kind, 'probe');
});

test('a window that stands still over two heartbeats is tried with one more append', (t) => {
  const progress = replicating(10);
  for (const last of [11, 12, 13]) send(progress, last);
  progress.noteHeartbeat(index(13));
  t.false(progress.wantsAppend(index(13), index(0)), 'it may just be slow');
  progress.noteHeartbeat(index(13));
  t.true(progress.wantsAppend(index(13), index(0)));
  send(progress, 13, { bytes: 0 });
  t.false(progress.wantsAppend(index(13), index(0)), 'one');
});

test('a follower that holds everything is left alone', (t) => {
  const progress = replicating(10);
  send(progress, 10, { bytes: 0, commit: 10 });
  for (let beat = 0; beat < 3; beat += 1) progress.noteHeartbeat(index(10));
  t.false(progress.wantsAppend(index(10), index(10)));
});

test('nothing is sent beside a snapshot', (t) => {
  const progress = probing(5);
  progress.becomeSnapshot(index(30));
  t.true(progress.isPaused);
  t.false(progress.wantsAppend(index(40), index(40)));
  progress.noteHeartbeat(index(40));
  t.false(progress.noteRejected(index(4), index(0)));
  t.is(progress.state.kind, 'snapshot');
});

for (const { result, wasDelivered, next } of [
  { result: 'delivered', wasDelivered: true, next: 31 },
  { result: 'failed', wasDelivered: false, next: 1 },
])
  test(`after a snapshot that ${result} it is probed when it answers something`, (t) => {
    const progress = probing(5);
    progress.becomeSnapshot(index(30));
    progress.noteSnapshotEnded(wasDelivered);
    t.like(progress, { next, isPaused: true });
    t.is(progress.state.kind, 'probe');
    progress.noteHeartbeat(index(40));
    t.false(progress.isPaused);
  });

test('the end of a snapshot that is not under way changes nothing', (t) => {
  const progress = replicating(10);
  progress.noteSnapshotEnded(true);
  t.is(progress.state.kind, 'replicate');
});

test('a snapshot ends also when the follower has caught up with the log', (t) => {
  const progress = probing(5);
  progress.becomeSnapshot(index(30));
  progress.noteAccepted(index(20), index(25));
  t.is(progress.state.kind, 'snapshot', 'the log goes on only after 24');
  progress.noteAccepted(index(24), index(25));
  t.is(progress.state.kind, 'replicate');
  t.like(progress, { match: 24, next: 25 });
});
