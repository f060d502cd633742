/** Every message comes in here: checked, its term compared, then given to the role. */
import { nextIndex, type ReadId } from '../types.ts';
import type {
  AppendRequest,
  Message,
  ProposalForward,
  ProposalRefusal,
  ReadReply,
  ReadRequest,
  TermedMessage,
} from '../messages.ts';
import { stepCandidate } from './candidate.ts';
import type { Core } from './core.ts';
import { answerVoteRequest } from './election.ts';
import { stepFollower } from './follower.ts';
import { stepLeader } from './leader.ts';
import { refusalOf, takeCommand } from './proposals.ts';

export type StepOutcome =
  | { readonly kind: 'taken' }
  /** A bound is reached: drain and finish the write first. The message is dropped, as if lost. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'refused'; readonly reason: StepRefusal };

export type StepRefusal =
  | 'not-for-this-peer'
  /** No correct peer says this. */
  | 'malformed'
  /** The leader knows of entries here that this log does not hold: the disk lost them. */
  | 'log-lost';

const TAKEN: StepOutcome = { kind: 'taken' };

export function step(core: Core, message: Message): StepOutcome {
  if (message.to !== core.id) return { kind: 'refused', reason: 'not-for-this-peer' };
  const reason = problemOf(core, message);
  if (reason !== undefined) {
    core.counters.messagesMalformed += 1;
    return { kind: 'refused', reason };
  }
  if (isBusy(core, message)) {
    core.counters.messagesBusy += 1;
    return { kind: 'busy' };
  }
  if ('term' in message) stepTermed(core, message);
  else stepTermless(core, message);
  return TAKEN;
}

function isBusy(core: Core, message: Message): boolean {
  if (core.outbox.length >= core.limits.outboxMessagesMax) return true;
  const { unstableBytes } = core.log;
  return message.kind === 'append.request' && unstableBytes >= core.limits.unstableBytesMax;
}

function problemOf(core: Core, message: Message): StepRefusal | undefined {
  if (message.from === core.id) return 'malformed';
  const { lastIndex } = core.log;
  switch (message.kind) {
    case 'append.request':
      return isSequence(message) ? undefined : 'malformed';
    case 'append.reply': {
      const { outcome } = message;
      const isOurs = message.term === core.term && outcome.kind === 'accepted';
      return isOurs && outcome.match > lastIndex ? 'malformed' : undefined;
    }
    case 'heartbeat.request':
      return message.term >= core.term && message.commit > lastIndex ? 'log-lost' : undefined;
    default:
      return undefined;
  }
}

/** Entries follow each other, and terms only grow up to the leader's. */
function isSequence({ previousIndex, previousTerm, entries, term }: AppendRequest): boolean {
  let before = { index: previousIndex, term: previousTerm };
  for (const entry of entries) {
    if (entry.index !== nextIndex(before.index) || entry.term < before.term) return false;
    before = entry;
  }
  return before.term <= term;
}

function stepTermed(core: Core, message: TermedMessage): void {
  if (message.term > core.term && !tryCatchUp(core, message)) return;
  if (message.term < core.term) {
    answerOldTerm(core, message);
    return;
  }
  if (message.kind === 'vote.request' || message.kind === 'pre-vote.request') {
    answerVoteRequest(core, message);
    return;
  }
  const { role } = core;
  switch (role.kind) {
    case 'follower':
      stepFollower(core, message);
      return;
    case 'leader':
      stepLeader(core, role, message);
      return;
    default:
      stepCandidate(core, role, message);
  }
}

/** Follows into a later term. False when the message only disturbs and is to be ignored. */
function tryCatchUp(core: Core, message: TermedMessage): boolean {
  switch (message.kind) {
    case 'pre-vote.request':
      // Only a question: the term it names has not begun.
      return !core.hasLease;
    case 'vote.request':
      if (core.hasLease && !message.isTransfer) return false;
      break;
    case 'pre-vote.reply':
      if (message.isGranted) return true;
      break;
    case 'append.request':
    case 'heartbeat.request':
    case 'snapshot.request':
    case 'timeout-now':
      core.becomeFollower(message.term, message.from);
      return true;
    default:
  }
  core.becomeFollower(message.term, undefined);
  return true;
}

/** Tells a leader or candidate of an earlier term that a later one began. */
function answerOldTerm(core: Core, message: TermedMessage): void {
  const to = message.from;
  const { term } = core;
  switch (message.kind) {
    case 'append.request':
    case 'heartbeat.request':
    case 'snapshot.request':
      core.send({ kind: 'heartbeat.reply', from: core.id, to, term, round: 0 });
      return;
    case 'pre-vote.request':
      core.send({ kind: 'pre-vote.reply', from: core.id, to, term, isGranted: false });
      return;
    case 'vote.request':
      core.send({ kind: 'vote.reply', from: core.id, to, term, isGranted: false });
      return;
    default:
  }
}

function stepTermless(core: Core, message: Exclude<Message, TermedMessage>): void {
  switch (message.kind) {
    case 'proposal.forward':
      acceptForward(core, message);
      return;
    case 'proposal.refused':
      for (const refusal of message.refusals) core.refusals.push(refusal);
      return;
    case 'read.request':
      acceptRead(core, message);
      return;
    case 'read.reply':
      acceptReadReply(core, message);
  }
}

/**
 * Each forwarded command is appended or refused; it is not passed on, so it never goes in circles.
 */
function acceptForward(core: Core, { from, commands }: ProposalForward): void {
  const refusals = commands.flatMap((command): ProposalRefusal[] => {
    const reason =
      core.role.kind === 'leader' ? refusalOf(core, core.role, [command]) : 'not-leader';
    if (reason !== undefined) return [{ session: command.session, reason }];
    takeCommand(core, command);
    return [];
  });
  if (refusals.length > 0)
    core.send({ kind: 'proposal.refused', from: core.id, to: from, refusals });
}

function acceptRead(core: Core, { from, ids }: ReadRequest): void {
  const refused: ReadId[] = [];
  for (const id of ids) {
    if (core.role.kind === 'leader' && core.role.reads.tryAdd({ from, id })) continue;
    refused.push(id);
  }
  if (refused.length > 0)
    core.send({ kind: 'read.reply', from: core.id, to: from, ids: refused, index: undefined });
}

function acceptReadReply(core: Core, { ids, index }: ReadReply): void {
  for (const id of ids) {
    if (index === undefined) core.lostReads.push(id);
    else core.reads.push({ id, index });
  }
}
