/** How scripts print things. `4/2` is the entry at index 4 of term 2. */
import type {
  AppendOutcome,
  Entry,
  Membership,
  Message,
  Payload,
  SessionStamp,
  SnapshotMeta,
} from '../../../src/raft/index.ts';

const ENTRIES_SHOWN = 4;
const TEXT_SHOWN = 8;

export function describeMessage(message: Message): string {
  const term = 'term' in message ? ` term ${message.term}` : '';
  return `${message.from}>${message.to} ${message.kind}${term}${fieldsOf(message)}`;
}

function fieldsOf(message: Message): string {
  switch (message.kind) {
    case 'pre-vote.request':
      return ` last ${message.lastIndex}/${message.lastTerm}`;
    case 'vote.request': {
      const transfer = message.isTransfer ? ' for a transfer' : '';
      return ` last ${message.lastIndex}/${message.lastTerm}${transfer}`;
    }
    case 'pre-vote.reply':
    case 'vote.reply':
      return message.isGranted ? ' yes' : ' no';
    case 'append.request': {
      const after = `after ${message.previousIndex}/${message.previousTerm}`;
      return ` ${after} [${describeEntries(message.entries)}] commit ${message.commit}`;
    }
    case 'append.reply':
      return ` ${describeOutcome(message.outcome)}`;
    case 'heartbeat.request':
      return ` commit ${message.commit}${message.round > 0 ? ` round ${message.round}` : ''}`;
    case 'heartbeat.reply':
      return message.round > 0 ? ` round ${message.round}` : '';
    case 'snapshot.request':
      return ` ${describeSnapshot(message.snapshot)}`;
    case 'timeout-now':
      return '';
    case 'proposal.forward':
      return ` ${message.commands.map(({ session }) => describeStamp(session)).join(' ')}`;
    case 'proposal.refused':
      return message.refusals
        .map(({ session, reason }) => ` ${describeStamp(session)} ${reason}`)
        .join('');
    case 'read.request':
      return ` ${message.ids.join(' ')}`;
    case 'read.reply':
      return ` ${message.ids.join(' ')} ${describeAnswer(message.index)}`;
  }
}

function describeAnswer(index: number | undefined): string {
  return index === undefined ? 'refused' : `at ${index}`;
}

function describeOutcome(outcome: AppendOutcome): string {
  if (outcome.kind === 'accepted') return `holds ${outcome.match}`;
  const { previousIndex, hintIndex, hintTerm } = outcome;
  return `lacks ${previousIndex}, try ${hintIndex}/${hintTerm}`;
}

export function describeSnapshot({ index, term, membership }: SnapshotMeta): string {
  return `snapshot ${index}/${term} ${describeMembership(membership)}`;
}

/** Voters, then learners in brackets. */
export function describeMembership({ voters, learners }: Membership): string {
  return `{${[...voters, ...learners.map((peer) => `(${peer})`)].join(' ')}}`;
}

export function describeEntries(entries: readonly Entry[]): string {
  const shown = entries.slice(0, ENTRIES_SHOWN).map(describeEntry);
  const last = entries.at(-1);
  if (last === undefined || entries.length <= ENTRIES_SHOWN) return shown.join(' ');
  return `${shown[0] ?? ''} ... ${describeEntry(last)} (${entries.length})`;
}

export function describeEntry({ index, term, payload }: Entry): string {
  return `${index}/${term}${describePayload(payload)}`;
}

function describePayload(payload: Payload): string {
  switch (payload.kind) {
    case 'empty':
      return '';
    case 'command':
      return `:${abbreviated(new TextDecoder().decode(payload.command.data))}`;
    case 'membership':
      return describeMembership(payload.membership);
  }
}

/** `xxx...` as `x*count`, the way it is written in a script. */
function abbreviated(text: string): string {
  return text.length > TEXT_SHOWN ? `${text.charAt(0)}*${text.length}` : text;
}

export function describeStamp({ client, sequence }: SessionStamp): string {
  return `${client}:${sequence}`;
}
