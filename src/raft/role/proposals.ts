/** What is asked of a peer by its host: commands, reads, membership, leadership. */
import type { ProposalRefusalReason } from '../messages.ts';
import {
  changeMembership,
  type ChangeRefusal,
  type MembershipChange,
} from '../membership/change.ts';
import {
  commandBytes,
  type Command,
  type LogIndex,
  type PeerId,
  type ReadId,
  type Term,
} from '../types.ts';
import type { Core } from './core.ts';
import type { LeaderRole } from './leader-role.ts';
import { appendOwn, bestSuccessor, maybeHandOver } from './leader.ts';

export type ProposalOutcome =
  /** In this leader's log, the first of them at `index`; applied as soon as a quorum holds it. */
  | { readonly kind: 'appended'; readonly index: LogIndex; readonly term: Term }
  /** On its way to the leader. Appears in `Ready.committed`, in `Ready.refusals`, or is lost. */
  | { readonly kind: 'forwarded'; readonly to: PeerId }
  | { readonly kind: 'refused'; readonly reason: ProposalRefusalReason };

export type ReadOutcome =
  /** Appears in `Ready.reads` or `Ready.lostReads`. */
  | { readonly kind: 'queued' }
  /** As `queued`, unless messages get lost: then nothing is heard of it. */
  | { readonly kind: 'forwarded'; readonly to: PeerId }
  | { readonly kind: 'refused'; readonly reason: 'no-leader' | 'busy' };

export type TransferOutcome =
  | { readonly kind: 'started'; readonly to: PeerId }
  | {
      readonly kind: 'refused';
      readonly reason:
        'not-leader' | 'already-leader' | 'transferring' | 'not-a-voter' | 'no-target';
    };

export type MembershipRefusal =
  | ChangeRefusal
  | 'not-leader'
  | 'transferring'
  | 'busy'
  /** An earlier change is not committed. */
  | 'pending'
  /** This leader has not committed an entry of its own term (thesis, 4.1, and its erratum). */
  | 'not-ready'
  /** The learner has not caught up. */
  | 'behind';

export type MembershipOutcome =
  | { readonly kind: 'appended'; readonly index: LogIndex; readonly term: Term }
  | { readonly kind: 'refused'; readonly reason: MembershipRefusal };

/** All of them, in order, or none. */
export function propose(core: Core, commands: readonly Command[]): ProposalOutcome {
  const outcome = tryPropose(core, commands);
  if (outcome.kind === 'refused' && outcome.reason === 'busy') core.counters.proposalsBusy += 1;
  return outcome;
}

function tryPropose(core: Core, commands: readonly Command[]): ProposalOutcome {
  const { role, leader } = core;
  if (role.kind === 'leader') {
    const reason = refusalOf(core, role, commands);
    if (reason !== undefined) return { kind: 'refused', reason };
    const payloads = commands.map((command) => ({ kind: 'command', command }) as const);
    const index = (core.log.lastIndex + 1) as LogIndex;
    appendOwn(core, role, payloads);
    return { kind: 'appended', index, term: core.term };
  }
  if (leader === undefined) return { kind: 'refused', reason: 'no-leader' };
  if (isAnyTooLarge(core, commands)) return { kind: 'refused', reason: 'too-large' };
  if (core.outbox.length >= core.limits.outboxMessagesMax)
    return { kind: 'refused', reason: 'busy' };
  forward(core, leader, commands);
  return { kind: 'forwarded', to: leader };
}

/** In messages no larger than an append; a single larger command still goes, alone. */
function forward(core: Core, to: PeerId, commands: readonly Command[]): void {
  let from = 0;
  let bytes = 0;
  for (const [at, command] of commands.entries()) {
    bytes += commandBytes(command);
    if (at === from || bytes <= core.limits.appendBytesMax) continue;
    core.send({ kind: 'proposal.forward', from: core.id, to, commands: commands.slice(from, at) });
    from = at;
    bytes = commandBytes(command);
  }
  core.send({ kind: 'proposal.forward', from: core.id, to, commands: commands.slice(from) });
}

/** Precondition: this peer leads, and `refusalOf` found nothing. */
export function takeCommand(core: Core, command: Command): void {
  if (core.role.kind === 'leader') appendOwn(core, core.role, [{ kind: 'command', command }]);
}

/** Why a leader does not append these. */
export function refusalOf(
  core: Core,
  role: LeaderRole,
  commands: readonly Command[],
): ProposalRefusalReason | undefined {
  if (role.transfer !== undefined) return 'transferring';
  if (isAnyTooLarge(core, commands)) return 'too-large';
  return isFull(core, role) ? 'busy' : undefined;
}

function isAnyTooLarge({ limits }: Core, commands: readonly Command[]): boolean {
  return commands.some(({ data }) => data.length > limits.entryBytesMax);
}

/** One batch may pass the bound, so that a command of any allowed size is taken some time. */
function isFull({ limits, log }: Core, role: LeaderRole): boolean {
  return (
    role.uncommitted.bytes >= limits.uncommittedBytesMax ||
    log.unstableBytes >= limits.unstableBytesMax
  );
}

export function readIndex(core: Core, id: ReadId): ReadOutcome {
  const { role, leader } = core;
  if (role.kind === 'leader') {
    if (role.reads.tryAdd({ from: core.id, id })) return { kind: 'queued' };
    core.counters.readsBusy += 1;
    return { kind: 'refused', reason: 'busy' };
  }
  if (leader === undefined) return { kind: 'refused', reason: 'no-leader' };
  if (core.openReads.length >= core.limits.readsMax) {
    core.counters.readsBusy += 1;
    return { kind: 'refused', reason: 'busy' };
  }
  core.openReads.push(id);
  return { kind: 'forwarded', to: leader };
}

/** Sends the reads that have gathered to whoever leads by then. */
export function forwardReads(core: Core): void {
  const ids = core.openReads;
  if (ids.length === 0) return;
  core.openReads = [];
  const { leader } = core;
  if (leader !== undefined && leader !== core.id)
    core.send({ kind: 'read.request', from: core.id, to: leader, ids });
  else for (const id of ids) core.lostReads.push(id);
}

export function transferLeadership(core: Core, target: PeerId | undefined): TransferOutcome {
  const { role } = core;
  if (role.kind !== 'leader') return { kind: 'refused', reason: 'not-leader' };
  if (role.transfer !== undefined) return { kind: 'refused', reason: 'transferring' };
  if (target === core.id) return { kind: 'refused', reason: 'already-leader' };
  const to = target ?? bestSuccessor(core, role);
  if (to === undefined) return { kind: 'refused', reason: 'no-target' };
  if (!core.members.latest.voters.includes(to)) return { kind: 'refused', reason: 'not-a-voter' };
  role.transfer = { to, elapsedTicks: 0 };
  maybeHandOver(core, role);
  return { kind: 'started', to };
}

export function proposeMembership(core: Core, change: MembershipChange): MembershipOutcome {
  const { role } = core;
  if (role.kind !== 'leader') return { kind: 'refused', reason: 'not-leader' };
  const reason = membershipRefusalOf(core, role, change);
  if (reason !== undefined) return { kind: 'refused', reason };
  const result = changeMembership(core.members.latest, change);
  if (result.kind === 'refused') return result;
  const index = (core.log.lastIndex + 1) as LogIndex;
  appendOwn(core, role, [{ kind: 'membership', membership: result.membership }]);
  return { kind: 'appended', index, term: core.term };
}

function membershipRefusalOf(
  core: Core,
  role: LeaderRole,
  { kind, peer }: MembershipChange,
): MembershipRefusal | undefined {
  if (role.transfer !== undefined) return 'transferring';
  if (isFull(core, role)) return 'busy';
  if (!core.hasCommittedOwnTerm) return 'not-ready';
  if (core.members.isPending(core.log.committed)) return 'pending';
  const progress = role.peers.get(peer);
  if (kind !== 'promote' || progress === undefined) return undefined;
  const lag = core.log.lastIndex - progress.match;
  const isCaughtUp = progress.isActive && progress.state.kind === 'replicate';
  return isCaughtUp && lag <= core.limits.promoteLagEntriesMax ? undefined : 'behind';
}
