import type { Command, Entry, LogIndex } from '../../../src/raft/index.ts';
import { SessionTable, type SessionSnapshot } from '../../../src/raft/index.ts';

export interface MachineState {
  readonly applied: LogIndex;
  readonly history: readonly string[];
  readonly sessions: SessionSnapshot<LogIndex>;
}

/** The simulated state machine: which commands were applied, in order. */
export class Machine {
  applied: LogIndex;
  readonly history: string[];
  readonly sessions: SessionTable<LogIndex>;

  constructor(state?: MachineState) {
    this.applied = state?.applied ?? (0 as LogIndex);
    this.history = [...(state?.history ?? [])];
    this.sessions = state ? SessionTable.restore(state.sessions) : new SessionTable<LogIndex>();
  }

  /** The command whose fate the entry decided, if it holds one: applied now, or before. */
  apply({ index, payload }: Entry): Command | undefined {
    if (index !== this.applied + 1) throw new Error(`violation: ${index} after ${this.applied}`);
    this.applied = index;
    if (payload.kind !== 'command') return undefined;
    const { session } = payload.command;
    const check = this.sessions.check(session);
    if (check.kind === 'duplicate') return payload.command;
    if (check.kind !== 'new') return undefined;
    this.history.push(`${session.client}:${session.sequence}`);
    this.sessions.record(session, index, index);
    return payload.command;
  }

  snapshot(): MachineState {
    const { applied, history, sessions } = this;
    return { applied, history: [...history], sessions: sessions.snapshot() };
  }
}
