/** What only a leader does for callers: changes of membership, and handing leadership over. */
import type {
  LogIndex,
  LogReader,
  MembershipChange,
  PeerId,
  Raft,
  Term,
} from '../../../raft/index.ts';
import { membershipRefused, notLeader, outcomeUnknown, transferRefused } from '../refusals.ts';
import type { ClusterError } from '../../errors.ts';

interface Change {
  readonly index: LogIndex;
  readonly term: Term;
  readonly deadlineMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

type Transfer = Pick<Change, 'deadlineMs' | 'resolve' | 'reject'>;

export class LeaderActs {
  private readonly raft: Raft;
  private readonly log: LogReader;
  private readonly waitMs: number;
  private changes: Change[] = [];
  private transfers: Transfer[] = [];

  constructor(raft: Raft, log: LogReader, waitMs: number) {
    this.raft = raft;
    this.log = log;
    this.waitMs = waitMs;
  }

  /** Resolves when the change is committed. Throws `ClusterError`. */
  async changeMembership(change: MembershipChange, nowMs: number): Promise<void> {
    const { raft } = this;
    const outcome = raft.proposeMembership(change);
    if (outcome.kind === 'refused') {
      if (outcome.reason === 'not-leader') throw notLeader(raft.leader);
      throw membershipRefused(outcome.reason);
    }
    const { index, term } = outcome;
    const deadlineMs = nowMs + this.waitMs;
    return new Promise<void>((resolve, reject) => {
      this.changes.push({ index, term, deadlineMs, resolve, reject });
    });
  }

  /** Resolves when another peer leads. Throws `ClusterError`. */
  async transferLeadership(to: PeerId | undefined, nowMs: number): Promise<void> {
    const { raft } = this;
    const outcome = raft.transferLeadership(to);
    if (outcome.kind === 'refused') {
      if (outcome.reason === 'not-leader') throw notLeader(raft.leader);
      throw transferRefused(outcome.reason);
    }
    const deadlineMs = nowMs + this.waitMs;
    return new Promise<void>((resolve, reject) => {
      this.transfers.push({ deadlineMs, resolve, reject });
    });
  }

  /** Looks what has come of it. */
  look(nowMs: number): void {
    if (this.changes.length > 0) this.lookAtChanges(nowMs);
    if (this.transfers.length > 0) this.lookAtTransfers(nowMs);
  }

  close(error: ClusterError): void {
    for (const { reject } of this.changes.splice(0)) reject(outcomeUnknown());
    for (const { reject } of this.transfers.splice(0)) reject(error);
  }

  private lookAtChanges(nowMs: number): void {
    for (const change of this.changes.splice(0)) {
      const { index, term, deadlineMs, resolve, reject } = change;
      if (index > this.raft.commit && nowMs < deadlineMs) this.changes.push(change);
      else if (index > this.raft.commit) reject(outcomeUnknown());
      // What is forgotten is in a snapshot that this peer took, so it was not cut off.
      else if ((this.log.term(index) ?? term) === term) resolve();
      else reject(membershipRefused('another leader decided otherwise'));
    }
  }

  private lookAtTransfers(nowMs: number): void {
    const { role, leader, transferTarget } = this.raft;
    if (role === 'leader' && transferTarget !== undefined) return;
    for (const transfer of this.transfers.splice(0)) {
      const { deadlineMs, resolve, reject } = transfer;
      if (role === 'leader') reject(transferRefused('the successor did not take over in time'));
      else if (leader !== undefined) resolve();
      // Nobody leads while the successor is being elected, or for good if it died meanwhile.
      else if (nowMs < deadlineMs) this.transfers.push(transfer);
      else reject(transferRefused('nobody was elected in time'));
    }
  }
}
