/** Everything that can be said on the wire, for fast-check. */
import fc from 'fast-check';
import type {
  AppendOutcome,
  ClientId,
  Command,
  Entry,
  HardState,
  LogIndex,
  Membership,
  Message,
  Payload,
  PeerId,
  ProposalRefusal,
  ReadId,
  SessionStamp,
  SnapshotMeta,
  Term,
} from '../../../src/raft/index.ts';

const visible = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
const id = fc.string({ unit: visible, minLength: 1, maxLength: 255, size: 'small' });
const peer = id.map((text) => text as PeerId);
const number = fc.maxSafeNat();
const term = number.map((value) => value as Term);
const index = number.map((value) => value as LogIndex);
const readIds = fc.array(number.map((value) => value as ReadId));

const stamp: fc.Arbitrary<SessionStamp> = fc
  .record({ client: id, pair: fc.tuple(number, number), since: index })
  .map(({ client, pair: [one, other], since }) => {
    const floor = Math.max(1, Math.min(one, other));
    const sequence = Math.max(1, one, other);
    return { client: client as ClientId, sequence, floor, since };
  });

const command: fc.Arbitrary<Command> = fc.record({
  data: fc.uint8Array({ maxLength: 300 }),
  session: stamp,
});

export const membership: fc.Arbitrary<Membership> = fc
  .tuple(fc.uniqueArray(peer, { maxLength: 14 }), fc.nat({ max: 7 }))
  .map(([peers, count]) => {
    const voters = peers.slice(0, count).sort();
    return { voters, learners: peers.slice(count, count + 7).sort() };
  });

const payload: fc.Arbitrary<Payload> = fc.oneof(
  fc.constant({ kind: 'empty' } as const),
  fc.record({ kind: fc.constant('command' as const), command }),
  fc.record({ kind: fc.constant('membership' as const), membership }),
);

export const entry: fc.Arbitrary<Entry> = fc.record({ term, index, payload });
export const snapshotMeta: fc.Arbitrary<SnapshotMeta> = fc.record({ index, term, membership });
export const hardState: fc.Arbitrary<HardState> = fc.record({
  term,
  vote: fc.option(peer, { nil: undefined }),
});

const outcome: fc.Arbitrary<AppendOutcome> = fc.oneof(
  fc.record({ kind: fc.constant('accepted' as const), match: index }),
  fc.record({
    kind: fc.constant('rejected' as const),
    previousIndex: index,
    hintIndex: index,
    hintTerm: term,
  }),
);

const refusal: fc.Arbitrary<ProposalRefusal> = fc.record({
  session: stamp,
  reason: fc.constantFrom('no-leader', 'not-leader', 'busy', 'transferring', 'too-large'),
});

const envelope = { from: peer, to: peer };
const termed = { ...envelope, term };
const end = { lastIndex: index, lastTerm: term };
const isGranted = fc.boolean();

function message<Kind extends Message['kind']>(
  kind: Kind,
  fields: {
    [Field in keyof Omit<Extract<Message, { kind: Kind }>, 'kind'>]: fc.Arbitrary<unknown>;
  },
): fc.Arbitrary<Message> {
  return fc
    .record(fields as Record<string, fc.Arbitrary<unknown>>)
    .map((values) => ({ kind, ...values }) as unknown as Message);
}

export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  message('pre-vote.request', { ...termed, ...end }),
  message('pre-vote.reply', { ...termed, isGranted }),
  message('vote.request', { ...termed, ...end, isTransfer: fc.boolean() }),
  message('vote.reply', { ...termed, isGranted }),
  message('append.request', {
    ...termed,
    previousIndex: index,
    previousTerm: term,
    entries: fc.array(entry),
    commit: index,
  }),
  message('append.reply', { ...termed, outcome }),
  message('heartbeat.request', { ...termed, commit: index, round: number }),
  message('heartbeat.reply', { ...termed, round: number }),
  message('snapshot.request', { ...termed, snapshot: snapshotMeta }),
  message('timeout-now', termed),
  message('proposal.forward', { ...envelope, commands: fc.array(command) }),
  message('proposal.refused', { ...envelope, refusals: fc.array(refusal) }),
  message('read.request', { ...envelope, ids: readIds }),
  message('read.reply', { ...envelope, ids: readIds, index: fc.option(index, { nil: undefined }) }),
);
