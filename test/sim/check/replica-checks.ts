/**
 * Replicas that applied the same entries are the same: every entry has one outcome, every state one
 * text. And every command is applied once, whoever tried it how often.
 */
import type { Entry, LogIndex, PeerId } from '../../../src/raft/index.ts';
import { Trace } from '../engine/trace.ts';
import { violated } from '../engine/violation.ts';
import { Replica, type Applied } from '../manager/replica.ts';
import type { AllocationChecks } from './allocation-checks.ts';

/** Whole states are compared at each of so many entries. */
const COMPARE_EVERY = 64;
const CHECKER = 'state machine safety';

export class ReplicaChecks {
  private readonly allocation: AllocationChecks;
  private readonly outcomes = new Map<LogIndex, string>();
  private readonly states = new Map<LogIndex, string>();
  private readonly stamps = new Map<string, LogIndex>();
  private newest = 0 as LogIndex;

  constructor(allocation: AllocationChecks) {
    this.allocation = allocation;
  }

  /** A replica has applied one more entry; `applied` if it held a command. */
  applied(peer: PeerId, replica: Replica, applied: Applied | undefined): void {
    const index = replica.applied;
    const isFirst = index > this.newest;
    if (isFirst) this.newest = index;
    if (applied !== undefined) this.compareOutcome(peer, applied, isFirst);
    if (index % COMPARE_EVERY === 0) this.snapshot(peer, index, replica.snapshot());
  }

  /** `text` is a replica's whole state as of `index`. */
  snapshot(peer: PeerId, index: LogIndex, text: string): void {
    const digest = digestOf(text);
    const known = this.states.get(index) ?? digest;
    this.states.set(index, digest);
    if (known !== digest) violated(CHECKER, `${peer} has another state at ${index}`);
  }

  /** A client was told that its command is applied at `index`. */
  acknowledged(index: LogIndex): void {
    if (index > this.newest || !this.outcomes.has(index))
      violated('acknowledged writes', `nothing was applied at ${index}, which was acknowledged`);
  }

  /**
   * At the end: applying the whole log once more, from nothing and without snapshots, gives the
   * same state.
   */
  replay(entries: readonly Entry[], replica: Replica, clientsMax: number): void {
    const second = new Replica(clientsMax);
    for (const entry of entries) second.apply(entry);
    if (second.snapshot() !== replica.snapshot())
      violated(CHECKER, 'the log, applied again, gives another state');
  }

  private compareOutcome(peer: PeerId, applied: Applied, isFirst: boolean): void {
    const { index, check, answer, stamp } = applied;
    const outcome = `${check.kind} ${answer === undefined ? '' : JSON.stringify(answer)}`;
    const known = this.outcomes.get(index) ?? outcome;
    this.outcomes.set(index, outcome);
    if (known !== outcome) violated(CHECKER, `${peer} at ${index}: ${outcome}, but ${known}`);
    if (check.kind !== 'new') return;
    const name = `${stamp.client}:${stamp.sequence}`;
    const before = this.stamps.get(name) ?? index;
    this.stamps.set(name, index);
    if (before !== index) violated('exactly once', `${name} is applied at ${before} and ${index}`);
    if (isFirst) this.allocation.changed(applied.changes);
  }
}

function digestOf(text: string): string {
  const trace = new Trace(() => text.length);
  trace.note(text);
  return trace.hash;
}
