/**
 * Applies committed entries in order, each command once, and gives the event loop back after a
 * slice of time.
 */
import { SessionTable, type Entry, type LogIndex, type SessionStamp } from '../../../raft/index.ts';
import type { Decision } from '../callers/proposal-desk.ts';
import type { StateMachine } from '../ports.ts';
import { decodeState, sessionsOf } from './snapshot-state.ts';

/** The clock is read after so many entries. */
const ENTRIES_PER_LOOK = 16;

export type OnDecided<Outcome> = (stamp: SessionStamp, decision: Decision<Outcome>) => void;

export class Applier<Outcome> {
  private readonly machine: StateMachine<Outcome>;
  private readonly onDecided: OnDecided<Outcome>;
  private table = new SessionTable<Outcome>();
  private batch: readonly Entry[] = [];
  private next = 0;
  private bytes = 0;

  constructor(machine: StateMachine<Outcome>, onDecided: OnDecided<Outcome>) {
    this.machine = machine;
    this.onDecided = onDecided;
  }

  get isIdle(): boolean {
    return this.next >= this.batch.length;
  }

  /** Bytes of commands applied since the state was last saved or restored. */
  get bytesSinceSaved(): number {
    return this.bytes;
  }

  get sessions(): SessionTable<Outcome> {
    return this.table;
  }

  noteSaved(): void {
    this.bytes = 0;
  }

  /** Precondition: idle. */
  accept(entries: readonly Entry[]): void {
    this.batch = entries;
    this.next = 0;
  }

  /** The last index applied by this call, if it applied any. */
  run(isTimeUp: () => boolean): LogIndex | undefined {
    let applied: LogIndex | undefined;
    for (let count = 1; this.next < this.batch.length; count += 1) {
      const entry = this.batch[this.next] as Entry;
      this.next += 1;
      this.applyOne(entry);
      applied = entry.index;
      if (count % ENTRIES_PER_LOOK === 0 && isTimeUp()) break;
    }
    return applied;
  }

  /** Begins anew with a snapshot. Entries that were to be applied are in it. */
  async restore(state: Buffer): Promise<void> {
    this.accept([]);
    const { sessions, machine } = decodeState(state);
    this.table = SessionTable.restore(sessionsOf<Outcome>(sessions));
    await this.machine.restore(machine);
    this.bytes = 0;
  }

  /** What is known of a command, without applying anything. */
  decisionOf(stamp: SessionStamp): Decision<Outcome> | undefined {
    const check = this.table.check(stamp);
    switch (check.kind) {
      case 'new':
        return undefined;
      case 'duplicate':
        return { kind: 'applied', outcome: check.outcome };
      case 'expired':
      case 'too-many':
        return { kind: 'unknown' };
    }
  }

  private applyOne({ index, payload }: Entry): void {
    if (payload.kind !== 'command') return;
    const { data, session } = payload.command;
    this.bytes += data.length;
    const known = this.decisionOf(session);
    if (known !== undefined) {
      this.onDecided(session, known);
      return;
    }
    const outcome = this.machine.apply(data, index);
    this.table.record(session, index, outcome);
    this.onDecided(session, { kind: 'applied', outcome });
  }
}
