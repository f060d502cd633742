/** The replicated state machine of one manager: the store, and who was answered what. */
import {
  SessionTable,
  type Entry,
  type LogIndex,
  type SessionCheck,
  type SessionSnapshot,
  type SessionStamp,
  type Term,
} from '../../../src/raft/index.ts';
import { Store, type ApplyOutcome, type Change, type Command } from '../../../src/store/index.ts';
import { restored, snapshotOf } from '../../store/snapshot/snapshots.ts';

/** What came of one command's entry. */
export interface Applied {
  readonly index: LogIndex;
  readonly stamp: SessionStamp;
  readonly check: SessionCheck<Answer>;
  /** Of this entry, or of an earlier one with the same stamp. */
  readonly answer: Answer | undefined;
  readonly changes: readonly Change[];
}

export interface Answer {
  readonly outcome: ApplyOutcome;
  /** Of the entry that was applied. */
  readonly index: LogIndex;
}

interface ReplicaState {
  readonly applied: LogIndex;
  readonly store: string;
  readonly sessions: SessionSnapshot<Answer>;
}

export class Replica {
  store: Store;
  sessions: SessionTable<Answer>;
  applied = 0 as LogIndex;
  /** Of the last entry applied here; unknown after a restart. */
  appliedTerm = 0 as Term;
  private readonly clientsMax: number;
  private changes: Change[] = [];

  constructor(clientsMax: number) {
    this.clientsMax = clientsMax;
    this.store = new Store();
    this.sessions = new SessionTable<Answer>(limitsOf(clientsMax));
    this.listen();
  }

  /** Goes on from a snapshot; everything before is forgotten. */
  restore(text: string): void {
    const state = JSON.parse(text) as ReplicaState;
    this.applied = state.applied;
    this.store = restored(state.store);
    this.sessions = SessionTable.restore(state.sessions, limitsOf(this.clientsMax));
    this.listen();
  }

  snapshot(): string {
    const { applied, store, sessions } = this;
    const state: ReplicaState = {
      applied,
      store: snapshotOf(store),
      sessions: sessions.snapshot(),
    };
    return JSON.stringify(state);
  }

  /** Precondition: `entry` is the one after the last. */
  apply({ index, term, payload }: Entry): Applied | undefined {
    this.applied = index;
    this.appliedTerm = term;
    if (payload.kind !== 'command') return undefined;
    const stamp = payload.command.session;
    const check = this.sessions.check(stamp);
    if (check.kind === 'duplicate')
      return { index, stamp, check, answer: check.outcome, changes: [] };
    if (check.kind !== 'new') return { index, stamp, check, answer: undefined, changes: [] };
    this.changes = [];
    const command = JSON.parse(Buffer.from(payload.command.data).toString()) as Command;
    const answer = { outcome: this.store.apply(command), index };
    this.sessions.record(stamp, index, answer);
    return { index, stamp, check, answer, changes: this.changes };
  }

  private listen(): void {
    this.store.watch((changes) => this.changes.push(...changes));
  }
}

function limitsOf(clientsMax: number) {
  return { clientsMax, outcomesPerClientMax: 64 };
}
