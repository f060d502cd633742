/**
 * Which membership holds at which place of the log.
 *
 * Decision: a membership is in effect from the moment its entry is in a peer's log, committed or
 * not, and ends when the entry is cut off again.
 * Because: at any commit, every later leader's quorum then shares a peer with every earlier one's;
 * that is what the thesis proves (4.1).
 * Instead of: in effect when applied. A peer that holds two committed changes it has not applied
 * would stand with a quorum of the membership before both, which need not share a peer with a
 * quorum of the one after them: from {1,2,3}, {1,2} and {3,4,5} could elect in one term.
 * Cost: this list, from the newest applied membership on. The core allows one change that is not
 * committed at a time, so it is short.
 */
import { assert } from '../../base/index.ts';
import type { Entry, LogIndex, Membership, PeerId, SnapshotMeta } from '../types.ts';

interface Epoch {
  readonly index: LogIndex;
  readonly membership: Membership;
}

export class MembershipHistory {
  private epochs: [Epoch, ...Epoch[]];

  constructor({ index, membership }: SnapshotMeta) {
    this.epochs = [{ index, membership }];
  }

  get latest(): Membership {
    return (this.epochs.at(-1) ?? this.epochs[0]).membership;
  }

  /** Where the latest membership came into the log. */
  get latestIndex(): LogIndex {
    return (this.epochs.at(-1) ?? this.epochs[0]).index;
  }

  /** As of `index`. Precondition: no earlier than the newest applied membership. */
  at(index: LogIndex): Membership {
    const epoch = this.epochs.findLast((candidate) => candidate.index <= index);
    assert(epoch !== undefined, 'the membership of that index is known', { index });
    return epoch.membership;
  }

  /** Whether a change is in effect that could still be cut off. */
  isPending(committed: LogIndex): boolean {
    return this.latestIndex > committed;
  }

  /**
   * Whether a peer may stand for election: it votes in the latest membership, or in one since the
   * last that is committed. A peer that holds its own removal may be the only one that holds it,
   * and is needed until others do (thesis, 4.2.2).
   */
  mayStand(peer: PeerId, committed: LogIndex): boolean {
    const from = this.epochs.findLastIndex((epoch) => epoch.index <= committed);
    return this.epochs
      .slice(Math.max(0, from))
      .some(({ membership }) => membership.voters.includes(peer));
  }

  /** Entries came into the log, in place of everything from the first one's index on. */
  noteAppended(entries: readonly Entry[]): boolean {
    const first = entries[0];
    if (first === undefined) return false;
    const before = this.epochs.at(-1);
    const [base, ...rest] = this.epochs;
    this.epochs = [base, ...rest.filter(({ index }) => index < first.index)];
    for (const { index, payload } of entries) {
      if (payload.kind !== 'membership') continue;
      this.epochs.push({ index, membership: payload.membership });
    }
    return this.epochs.at(-1) !== before;
  }

  /**
   * A snapshot replaces the log. Memberships through `committed` stay known until
   * `forgetBefore`, because the state machine is still there.
   */
  restore({ index, membership }: SnapshotMeta, committed: LogIndex): void {
    const [base, ...rest] = this.epochs;
    const known = rest.filter((epoch) => epoch.index <= committed);
    this.epochs = [base, ...known, { index, membership }];
  }

  /** Earlier memberships are not asked for again. */
  forgetBefore(index: LogIndex): void {
    if (this.epochs.length === 1) return;
    const from = this.epochs.findLastIndex((epoch) => epoch.index <= index);
    const [base, ...rest] = this.epochs.slice(Math.max(0, from));
    if (base !== undefined) this.epochs = [base, ...rest];
  }
}
