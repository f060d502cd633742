/** Commands as bytes that say in a line what they are. */
import { decodeMessage, type Entry, type Message } from '../../../src/raft/index.ts';
import type { Command } from '../../../src/store/index.ts';

/** Checkers compare entries as JSON; an array of numbers would take them most of a run. */
export class CommandBytes extends Uint8Array {
  toJSON(): string {
    return Buffer.from(this.buffer, this.byteOffset, this.byteLength).toString('latin1');
  }
}

export function bytesOfCommand(command: Command): CommandBytes {
  return wrapped(Buffer.from(JSON.stringify(command)));
}

export function wrappedEntry(entry: Entry): Entry {
  const { payload } = entry;
  if (payload.kind !== 'command' || payload.command.data instanceof CommandBytes) return entry;
  const data = wrapped(payload.command.data);
  return { ...entry, payload: { kind: 'command', command: { ...payload.command, data } } };
}

/** A message off the wire. */
export function messageOf(bytes: Uint8Array): Message {
  const message = decodeMessage(bytes);
  if (message.kind === 'append.request')
    return { ...message, entries: message.entries.map(wrappedEntry) };
  if (message.kind !== 'proposal.forward') return message;
  const commands = message.commands.map((command) => ({ ...command, data: wrapped(command.data) }));
  return { ...message, commands };
}

function wrapped(data: Uint8Array): CommandBytes {
  return new CommandBytes(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}
