/** One of everything that has a form on the wire, by name, with values that show their place. */
import {
  encodeEntry,
  encodeHardState,
  encodeMembership,
  encodeMessage,
  encodeSnapshotMeta,
  decodeEntry,
  decodeHardState,
  decodeMembership,
  decodeMessage,
  decodeSnapshotMeta,
  type ClientId,
  type Command,
  type Entry,
  type LogIndex,
  type Membership,
  type Message,
  type PeerId,
  type ReadId,
  type SessionStamp,
  type Term,
} from '../../../src/raft/index.ts';
import { entry } from '../support/words.ts';

/** Encodes a sample, or decodes bytes of its form. */
export interface Form {
  readonly value: unknown;
  readonly encode: () => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}

const from = 'alpha' as PeerId;
const to = 'beta' as PeerId;
const term = 3 as Term;
const at = (index: number): LogIndex => index as LogIndex;

const MEMBERSHIP: Membership = {
  voters: ['alpha', 'beta', 'gamma'] as PeerId[],
  learners: ['delta'] as PeerId[],
};

function stamp(sequence: number, floor: number): SessionStamp {
  return { client: 'client-1' as ClientId, sequence, floor, since: at(5) };
}

function command(text: string, sequence = 17): Command {
  return { data: new TextEncoder().encode(text), session: stamp(sequence, 16) };
}

const EMPTY = entry(0x0a0b, 3);
const COMMAND = entry(0x0a0c, 3, { kind: 'command', command: command('hello') });
const CHANGE = entry(0x0a0d, 3, { kind: 'membership', membership: MEMBERSHIP });

const MESSAGES: readonly Message[] = [
  { kind: 'pre-vote.request', from, to, term, lastIndex: at(0x0102), lastTerm: 2 as Term },
  { kind: 'pre-vote.reply', from, to, term, isGranted: false },
  {
    kind: 'vote.request',
    from,
    to,
    term,
    lastIndex: at(0x0102),
    lastTerm: 2 as Term,
    isTransfer: true,
  },
  { kind: 'vote.reply', from, to, term, isGranted: true },
  {
    kind: 'append.request',
    from,
    to,
    term,
    previousIndex: at(0x0a0a),
    previousTerm: 2 as Term,
    entries: [EMPTY, COMMAND, CHANGE],
    commit: at(0x0a09),
  },
  { kind: 'append.reply', from, to, term, outcome: { kind: 'accepted', match: at(0x0a0d) } },
  {
    kind: 'append.reply',
    from,
    to,
    term,
    outcome: {
      kind: 'rejected',
      previousIndex: at(0x0a0a),
      hintIndex: at(0x0900),
      hintTerm: 1 as Term,
    },
  },
  { kind: 'heartbeat.request', from, to, term, commit: at(0x0a0d), round: 0x77 },
  { kind: 'heartbeat.reply', from, to, term, round: 0x77 },
  {
    kind: 'snapshot.request',
    from,
    to,
    term,
    snapshot: { index: at(0x0900), term: 2 as Term, membership: MEMBERSHIP },
  },
  { kind: 'timeout-now', from, to, term },
  { kind: 'proposal.forward', from, to, commands: [command('one', 18), command('', 19)] },
  {
    kind: 'proposal.refused',
    from,
    to,
    refusals: [
      { session: stamp(18, 16), reason: 'no-leader' },
      { session: stamp(19, 16), reason: 'not-leader' },
      { session: stamp(20, 16), reason: 'busy' },
      { session: stamp(21, 16), reason: 'transferring' },
      { session: stamp(22, 16), reason: 'too-large' },
    ],
  },
  { kind: 'read.request', from, to, ids: [7, 2 ** 53 - 1] as ReadId[] },
  { kind: 'read.reply', from, to, ids: [7] as ReadId[], index: at(0x0a0d) },
  { kind: 'read.reply', from, to, ids: [8] as ReadId[], index: undefined },
];

const ENTRIES: readonly Entry[] = [EMPTY, COMMAND, CHANGE];

/** In the order in which names are told apart: a second one of a kind is `kind/2`. */
export const FORMS: ReadonlyMap<string, Form> = new Map([
  ...named(MESSAGES, (message) => ({
    name: message.kind,
    form: { value: message, encode: () => encodeMessage(message), decode: decodeMessage },
  })),
  ...named(ENTRIES, (value) => ({
    name: `entry.${value.payload.kind}`,
    form: { value, encode: () => encodeEntry(value), decode: decodeEntry },
  })),
  ...named(
    [
      { term, vote: undefined },
      { term, vote: to },
    ],
    (value) => ({
      name: 'hard-state',
      form: { value, encode: () => encodeHardState(value), decode: decodeHardState },
    }),
  ),
  ...named([{ index: at(0x0900), term: 2 as Term, membership: MEMBERSHIP }], (value) => ({
    name: 'snapshot-meta',
    form: { value, encode: () => encodeSnapshotMeta(value), decode: decodeSnapshotMeta },
  })),
  ...named([MEMBERSHIP, { voters: [], learners: [] }], (value) => ({
    name: 'membership',
    form: { value, encode: () => encodeMembership(value), decode: decodeMembership },
  })),
]);

function named<Value>(
  values: readonly Value[],
  describe: (value: Value) => { readonly name: string; readonly form: Form },
): [string, Form][] {
  const counts = new Map<string, number>();
  return values.map((value) => {
    const { name, form } = describe(value);
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return [count === 1 ? name : `${name}/${count}`, form];
  });
}
