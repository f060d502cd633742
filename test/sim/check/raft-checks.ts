/** The consensus core's promises, each under its name (paper, figure 3). */
import type { Entry, PeerId, Raft, Term, Membership } from '../../../src/raft/index.ts';
import { Checkers } from '../../raft/sim/checkers.ts';
import { Violation, violated } from '../engine/violation.ts';

export class RaftChecks {
  private readonly checkers: Checkers;
  private readonly leaders = new Map<Term, PeerId>();
  /** How often leadership changed hands. */
  get leaderships(): number {
    return this.leaders.size;
  }

  constructor(members: Membership) {
    this.checkers = new Checkers(members);
  }

  get commitIndex(): number {
    return this.checkers.commitIndex;
  }

  /** After anything that a peer did. */
  peer(raft: Raft): void {
    if (raft.role === 'leader') {
      const known = this.leaders.get(raft.term) ?? raft.id;
      if (known !== raft.id)
        violated('election safety', `${known} and ${raft.id} both lead term ${raft.term}`);
      this.leaders.set(raft.term, raft.id);
    }
    named('leader completeness', () => this.checkers.checkPeer(raft));
  }

  written(raft: Raft, entries: readonly Entry[]): void {
    if (entries.length > 0) named('log matching', () => this.checkers.noteWritten(raft, entries));
  }

  applied(peer: PeerId, entry: Entry): void {
    named('state machine safety', () => this.checkers.noteApplied(peer, entry));
  }

  /** The membership that a peer has at an applied index is the one that the log made. */
  membership(raft: Raft): void {
    named('membership', () => this.checkers.checkMembership(raft));
  }
}

function named(checker: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (error instanceof Violation) throw error;
    throw new Violation(checker, error instanceof Error ? error.message : String(error));
  }
}
