import { testProp } from '@fast-check/ava';
import test from 'ava';
import {
  MESSAGE_BYTES_MAX,
  RAFT_LIMITS,
  RaftError,
  decodeEntry,
  decodeHardState,
  decodeMembership,
  decodeMessage,
  decodeSnapshotMeta,
  encodeEntry,
  encodeHardState,
  encodeMembership,
  encodeMessage,
  encodeSnapshotMeta,
  encodedBytes,
  type ClientId,
  type Entry,
  type LogIndex,
  type Message,
  type PeerId,
  type Term,
} from '../../../src/raft/index.ts';
import * as arbitrary from './arbitrary.ts';

const runs = { numRuns: 300 };

testProp(
  'a message is read back as it was written, in as many bytes as were counted',
  [arbitrary.anyMessage],
  (t, message) => {
    const bytes = encodeMessage(message);
    t.is(bytes.length, encodedBytes(message));
    t.deepEqual(decodeMessage(bytes), message);
  },
  { numRuns: 1000 },
);

testProp(
  'an entry is read back as it was written',
  [arbitrary.entry],
  (t, entry) => t.deepEqual(decodeEntry(encodeEntry(entry)), entry),
  runs,
);

testProp(
  'a hard state is read back as it was written',
  [arbitrary.hardState],
  (t, state) => t.deepEqual(decodeHardState(encodeHardState(state)), state),
  runs,
);

testProp(
  "a snapshot's meta is read back as it was written",
  [arbitrary.snapshotMeta],
  (t, meta) => t.deepEqual(decodeSnapshotMeta(encodeSnapshotMeta(meta)), meta),
  runs,
);

testProp(
  'a membership is read back as it was written',
  [arbitrary.membership],
  (t, membership) => t.deepEqual(decodeMembership(encodeMembership(membership)), membership),
  runs,
);

function appendOf(data: Uint8Array, client = 'c'): Message {
  const session = { client: client as ClientId, sequence: 1, floor: 1, since: 0 as LogIndex };
  const payload = { kind: 'command', command: { data, session } } as const;
  const entries: Entry[] = [{ term: 1 as Term, index: 1 as LogIndex, payload }];
  return {
    kind: 'append.request',
    from: 'a' as PeerId,
    to: 'b' as PeerId,
    term: 1 as Term,
    previousIndex: 0 as LogIndex,
    previousTerm: 0 as Term,
    entries,
    commit: 0 as LogIndex,
  };
}

function dataOf(message: Message): Uint8Array {
  const payload = message.kind === 'append.request' ? message.entries[0]?.payload : undefined;
  return payload?.kind === 'command' ? payload.command.data : new Uint8Array();
}

test('data is a view of the frame that was read, and a copy in the frame that was written', (t) => {
  const data = new Uint8Array(300).fill(7);
  const frame = encodeMessage(appendOf(data));
  data.fill(8);
  const view = dataOf(decodeMessage(frame));
  t.is(view.buffer, frame.buffer);
  t.deepEqual(view, new Uint8Array(300).fill(7));
});

test('a frame may lie anywhere in a larger buffer', (t) => {
  const message = appendOf(new Uint8Array([1, 2, 3]));
  const frame = encodeMessage(message);
  const around = new Uint8Array(frame.length + 9).fill(0xee);
  around.set(frame, 5);
  t.deepEqual(decodeMessage(around.subarray(5, 5 + frame.length)), message);
});

test('the largest entry fits a message, with the longest ids', (t) => {
  const longest = 'x'.repeat(255);
  const data = new Uint8Array(RAFT_LIMITS.entryBytesMax).fill(9);
  const read = dataOf(decodeMessage(encodeMessage(appendOf(data, longest))));
  t.is(Buffer.compare(read, data), 0);
});

test('a record fills whatever bytes it is given', (t) => {
  const message = appendOf(new Uint8Array([1, 2, 3]));
  const used = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(0xff);
  t.deepEqual(encodeMessage(message, used), encodeMessage(message));
  const entry = message.kind === 'append.request' ? message.entries[0] : undefined;
  if (entry !== undefined) t.deepEqual(encodeEntry(entry, used), encodeEntry(entry));
  t.throws(() => encodeMessage(message, (bytes) => used(bytes + 1)));
});

test('a frame longer than any message is not looked at', (t) => {
  const bytes = new Uint8Array(MESSAGE_BYTES_MAX + 1);
  const error = t.throws(() => decodeMessage(bytes), { instanceOf: RaftError });
  t.deepEqual(error.detail, { code: 'wire-oversized', bytes: bytes.length });
});

test('what has no form on the wire is not written', (t) => {
  const timeoutNow = (from: string, term: number): Message => {
    return { kind: 'timeout-now', from: from as PeerId, to: 'b' as PeerId, term: term as Term };
  };
  for (const id of ['', 'a b', 'ä', 'x'.repeat(256)])
    t.throws(() => encodeMessage(timeoutNow(id, 1)), undefined, id);
  for (const term of [-1, 0.5, 2 ** 53, NaN])
    t.throws(() => encodeMessage(timeoutNow('a', term)), undefined, String(term));
});

test('an id that a frame repeats is one string, however many there are', (t) => {
  const ids = Array.from({ length: 40 }, (_, at) => `client-${at % 20}` as ClientId);
  const commands = ids.map((client, at) => {
    const session = { client, sequence: at + 1, floor: 1, since: 0 as LogIndex };
    return { data: new Uint8Array(), session };
  });
  const envelope = { from: 'a' as PeerId, to: 'b' as PeerId };
  const message: Message = { kind: 'proposal.forward', ...envelope, commands };
  t.deepEqual(decodeMessage(encodeMessage(message)), message);
});
