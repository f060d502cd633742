/** The checkers of a run. All look from outside: at effects of messages, not at intentions. */
import type { LogIndex, Membership } from '../../../src/raft/index.ts';
import { violated } from '../engine/violation.ts';
import { AllocationChecks } from './allocation-checks.ts';
import { History } from './history.ts';
import { RaftChecks } from './raft-checks.ts';
import { ReplicaChecks } from './replica-checks.ts';

export class Checks {
  readonly raft: RaftChecks;
  readonly allocation = new AllocationChecks();
  readonly replicas = new ReplicaChecks(this.allocation);
  readonly history = new History();
  /** What some client has seen: everything later must show at least this much. */
  private visible = 0 as LogIndex;

  constructor(members: Membership) {
    this.raft = new RaftChecks(members);
  }

  get visibleIndex(): LogIndex {
    return this.visible;
  }

  /** A client, which asked when `since` was visible, was shown the state as of `index`. */
  read(index: LogIndex, since: LogIndex): void {
    if (index < since)
      violated('linearizability', `a read shows ${index}, but ${since} was visible before it`);
    this.see(index);
  }

  /** A client, which asked when `since` was visible, was told that its write is at `index`. */
  written(index: LogIndex, since: LogIndex): void {
    if (index <= since)
      violated('linearizability', `a write is at ${index}, but ${since} was visible before it`);
    this.replicas.acknowledged(index);
    this.see(index);
  }

  private see(index: LogIndex): void {
    if (index > this.visible) this.visible = index;
  }
}
