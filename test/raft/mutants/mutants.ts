/** The classic bugs, each planted from outside so that the room itself stays whole. */
import type {
  MembershipChange,
  MembershipOutcome,
  Message,
  SessionStamp,
  Write,
} from '../../../src/raft/index.ts';
import { Raft, SessionTable } from '../../../src/raft/index.ts';
import { RaftLog, type EntryId } from '../../../src/raft/log/raft-log.ts';
import type { Unstable } from '../../../src/raft/log/unstable.ts';
import { MembershipHistory } from '../../../src/raft/membership/history.ts';
import { Outbox } from '../../../src/raft/outbox.ts';
import { Progress } from '../../../src/raft/progress/progress.ts';
import { Core } from '../../../src/raft/role/core.ts';
import { countOwnVote } from '../../../src/raft/role/election.ts';
import { ReadQueue } from '../../../src/raft/role/read-queue.ts';
import { nextIndex, type Entry, type LogIndex, type Term } from '../../../src/raft/types.ts';
import { SimDisk } from '../sim/disk.ts';
import type { MachineState } from '../sim/machine.ts';
import type { Weather } from '../sim/weather.ts';
import { patch, patchAll, type Restore } from './patch.ts';

export interface Mutant {
  readonly name: string;
  readonly plant: () => Restore;
  /** Where the bug is at home; the rest is as the seed has it. */
  readonly weather?: Partial<Weather>;
  /** The scenario that shows it, where chance takes too long. */
  readonly scenario?: string;
}

const DIVIDED: Partial<Weather> = { partitionInterval: 150, voters: 3, stormUnits: 3000 };
const ROUGH: Partial<Weather> = { crashInterval: 100, downMax: 20, diskMax: 40, voters: 3 };
/** Many candidates, and crashes while votes are on their way to slow disks. */
const ELECTIONS: Partial<Weather> = {
  ...ROUGH,
  downMax: 5,
  delayMax: 5,
  diskMax: 150,
  dropRate: 250,
  crashInterval: 40,
  appendBytesMax: 300,
};
/** Leaders come and go with entries that only they hold. */
const FIGURE_8: Partial<Weather> = {
  voters: 5,
  peers: 5,
  clients: 4,
  dropRate: 250,
  delayMax: 10,
  diskMax: 15,
  crashInterval: 40,
  downMax: 60,
  partitionInterval: 60,
  membershipInterval: 0,
  stormUnits: 3000,
};

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a vote leaves before it is durable',
    weather: ELECTIONS,
    plant: () => leavesAtOnce('vote.reply'),
  },
  {
    name: 'entries are acknowledged before they are durable',
    weather: ROUGH,
    plant: () => leavesAtOnce('append.reply'),
  },
  {
    name: 'a candidate neither waits for its own vote nor makes it durable before it asks',
    weather: ELECTIONS,
    plant: () => patchAll(leavesAtOnce('vote.request'), countsOwnVoteAtOnce('tick', 'step')),
  },
  {
    name: 'a vote is forgotten in a restart',
    weather: ELECTIONS,
    plant: () =>
      patch(
        SimDisk.prototype,
        'write',
        (original: (write: Write, state: MachineState | undefined) => void) =>
          function (this: SimDisk, write: Write, state: MachineState | undefined): void {
            const { hardState } = write;
            const forgetful = hardState && { ...hardState, vote: undefined };
            original.call(this, { ...write, hardState: forgetful }, state);
          },
      ),
  },
  {
    name: 'a peer votes twice in a term',
    weather: { delayMax: 25, dropRate: 100 },
    plant: () => patch(Core.prototype, 'mayVoteFor', () => () => true),
  },
  {
    name: 'a candidate that lacks entries gets votes',
    plant: () => patch(RaftLog.prototype, 'isUpToDate', () => () => true),
  },
  {
    name: 'an answer to an earlier term counts in this one',
    weather: { ...ELECTIONS, straggleRate: 60, straggleMax: 400 },
    plant: () =>
      patch(
        Raft.prototype,
        'step',
        (original: (message: Message) => unknown) =>
          function (this: Raft, message: Message): unknown {
            const isReply = message.kind === 'vote.reply' || message.kind === 'append.reply';
            const isLate = isReply && message.term < this.term;
            return original.call(this, isLate ? { ...message, term: this.term } : message);
          },
      ),
  },
  {
    name: 'an entry of an earlier term is committed by counting its copies',
    weather: FIGURE_8,
    plant: () =>
      patch(
        RaftLog.prototype,
        'maybeCommit',
        () =>
          function (this: RaftLog, index: LogIndex): boolean {
            if (index <= this.committed) return false;
            this.commitTo(index);
            return true;
          },
      ),
  },
  {
    name: 'a leader counts itself before its own disk is done',
    weather: ROUGH,
    plant: () =>
      patch(
        RaftLog.prototype,
        'stableIndex',
        () =>
          function (this: RaftLog): LogIndex {
            return this.lastIndex;
          },
      ),
  },
  {
    name: 'a log is cut off where it agrees',
    weather: { straggleRate: 60, duplicateRate: 200 },
    plant: () =>
      patch(
        RaftLog.prototype,
        'tryAppend',
        () =>
          function (this: RaftLog, previous: EntryId, entries: readonly Entry[]) {
            if (!this.has(previous)) return undefined;
            unstableOf(this).append(entries);
            return { last: (previous.index + entries.length) as LogIndex, fresh: entries };
          },
      ),
  },
  {
    name: 'a follower vouches for entries that its leader did not send',
    // Appends of one entry each, that begin well before the place where logs part.
    weather: { ...DIVIDED, appendBytesMax: 1 },
    plant: () =>
      patchAll(
        backsOffFarther(),
        patch(
          RaftLog.prototype,
          'tryAppend',
          (original: RaftLog['tryAppend']) =>
            function (this: RaftLog, previous: EntryId, entries: readonly Entry[]) {
              const result = original.call(this, previous, entries);
              return result && { ...result, last: this.lastIndex };
            },
        ),
      ),
  },
  {
    name: 'a heartbeat commits what its receiver may not hold',
    weather: DIVIDED,
    plant: () =>
      patch(
        Core.prototype,
        'send',
        (original: Core['send']) =>
          function (this: Core, message: Parameters<Core['send']>[0]): void {
            const isHeartbeat = message.kind === 'heartbeat.request';
            const commit = this.log.committed;
            original.call(this, isHeartbeat ? { ...message, commit } : message);
          },
      ),
  },
  {
    name: 'what was sent is taken for what is held',
    weather: { dropRate: 100 },
    plant: () =>
      patch(
        Progress.prototype,
        'noteSent',
        (original: (sent: { last: LogIndex }) => void) =>
          function (this: { matchMark: LogIndex; next: LogIndex }, sent: { last: LogIndex }): void {
            original.call(this, sent);
            if (sent.last > this.matchMark && nextIndex(sent.last) === this.next)
              this.matchMark = sent.last;
          },
      ),
  },
  {
    name: 'a read is answered without a quorum',
    weather: { ...DIVIDED, partitionInterval: 60, clients: 4, delayMax: 3, crashInterval: 0 },
    plant: () =>
      patch(
        ReadQueue.prototype,
        'takeConfirmed',
        () =>
          function (this: { rounds: unknown[] }): unknown[] {
            return this.rounds.splice(0);
          },
      ),
  },
  {
    name: 'a leader reads before it has committed in its own term',
    weather: { ...ROUGH, transferInterval: 60 },
    plant: () => patch(Core.prototype, 'hasCommittedOwnTerm', () => () => true),
  },
  {
    name: 'the membership is changed before the leader has committed in its own term',
    scenario: 'membership/own-term',
    plant: () => {
      let isChanging = false;
      return patchAll(
        patch(
          Raft.prototype,
          'proposeMembership',
          (original: Raft['proposeMembership']) =>
            function (this: Raft, change: MembershipChange): MembershipOutcome {
              isChanging = true;
              const outcome = original.call(this, change);
              isChanging = false;
              return outcome;
            },
        ),
        patch(
          Core.prototype,
          'hasCommittedOwnTerm',
          (original: () => boolean) =>
            function (this: Core): boolean {
              return isChanging || original.call(this);
            },
        ),
      );
    },
  },
  {
    name: 'two changes of membership are under way at once',
    weather: { ...DIVIDED, voters: 2, membershipInterval: 20, peers: 6 },
    plant: () => patch(MembershipHistory.prototype, 'isPending', () => () => false),
  },
  {
    name: 'a snapshot holds a membership that is not committed',
    weather: { membershipInterval: 60, snapshotEntries: 5, diskMax: 15 },
    plant: () =>
      patch(
        MembershipHistory.prototype,
        'at',
        () =>
          function (this: MembershipHistory) {
            return this.latest;
          },
      ),
  },
  {
    name: 'a membership stays when its entry is cut off',
    weather: { ...DIVIDED, membershipInterval: 40 },
    plant: () =>
      patch(
        MembershipHistory.prototype,
        'noteAppended',
        () =>
          function (
            this: { epochs: { index: LogIndex; membership: unknown }[] },
            entries: readonly Entry[],
          ): boolean {
            const { length } = this.epochs;
            for (const { index, payload } of entries)
              if (payload.kind === 'membership')
                this.epochs.push({ index, membership: payload.membership });
            return this.epochs.length > length;
          },
      ),
  },
  {
    name: 'a command that is tried again is applied again',
    weather: { clients: 4, dropRate: 100 },
    plant: () =>
      patch(SessionTable.prototype, 'check', () => (stamp: SessionStamp) => {
        return { kind: 'new', stamp };
      }),
  },
];

function leavesAtOnce(kind: Message['kind']): Restore {
  return patch(
    Outbox.prototype,
    'mustWait',
    (original: (message: Message) => boolean) =>
      function (this: Outbox, message: Message): boolean {
        return message.kind !== kind && original.call(this, message);
      },
  );
}

/** Harmless by itself: a hint may be as low as it likes. */
function backsOffFarther(): Restore {
  return patch(
    RaftLog.prototype,
    'lastNotAbove',
    (original: RaftLog['lastNotAbove']) =>
      function (this: RaftLog, from: EntryId): EntryId {
        const found = original.call(this, from);
        const index = Math.max(0, found.index - 2) as LogIndex;
        return { index, term: this.term(index) ?? found.term };
      },
  );
}

function countsOwnVoteAtOnce(...methods: readonly ('tick' | 'step')[]): Restore {
  return patchAll(
    ...methods.map((method) =>
      patch(
        Raft.prototype,
        method,
        (original: (message: Message) => unknown) =>
          function (this: Raft, message: Message): unknown {
            const result = original.call(this, message);
            const { core } = this as unknown as { core: Core };
            countOwnVote(core, { term: core.term satisfies Term });
            return result;
          },
      ),
    ),
  );
}

function unstableOf(log: RaftLog): Unstable {
  return (log as unknown as { unstable: Unstable }).unstable;
}
