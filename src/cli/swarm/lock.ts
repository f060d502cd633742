/** `hawser swarm unlock` and `swarm unlock-key`: managers whose keys are sealed. */
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { Command } from 'commander';
import type { InfoDocument } from '../api/documents.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { sendUpdate, type SwarmDocument } from './swarm-document.ts';

export function unlockCommand(context: CliContext): Command {
  return new Command('unlock')
    .description('open the keys of this manager; asks for the unlock key')
    .action(() => unlock(context));
}

export function unlockKeyCommand(context: CliContext): Command {
  return new Command('unlock-key')
    .description('show the key that unlocks managers')
    .option('-q, --quiet', 'only the key')
    .option('--rotate', 'make a new key first; the old one is worthless then')
    .action((flags: { quiet?: boolean; rotate?: boolean }) => unlockKey(context, flags));
}

async function unlock(context: CliContext): Promise<void> {
  const { Swarm } = await context.get<InfoDocument>('/info');
  if (Swarm.LocalNodeState === 'inactive') throw failed('This node is not part of a swarm');
  if (Swarm.LocalNodeState !== 'locked') throw failed('swarm is not locked');
  const UnlockKey = await readSecret(context, 'Enter unlock key: ');
  await context.send({ method: 'POST', path: '/swarm/unlock', body: { UnlockKey } });
}

async function unlockKey(
  context: CliContext,
  flags: { readonly quiet?: boolean; readonly rotate?: boolean },
): Promise<void> {
  if (flags.rotate === true) {
    const swarm = await context.get<SwarmDocument>('/swarm');
    if (swarm.Spec.EncryptionConfig?.AutoLockManagers !== true)
      throw failed('cannot rotate because autolock is not turned on');
    await sendUpdate(context, swarm, { spec: swarm.Spec, rotate: 'rotateManagerUnlockKey' });
    if (flags.quiet !== true) context.print('Successfully rotated manager unlock key.');
  }
  if (flags.quiet === true) context.print(await keyOf(context));
  else await printUnlockCommand(context);
}

/** What an operator must keep, and what for. */
export async function printUnlockCommand(context: CliContext): Promise<void> {
  const key = await keyOf(context);
  context.print('To unlock a swarm manager after it restarts, run the `hawser swarm unlock`');
  context.print(`command and provide the following key:\n\n    ${key}\n`);
  context.print('Keep this key in a password manager: without it a manager that was stopped');
  context.print('cannot be started again.');
}

async function keyOf(context: CliContext): Promise<string> {
  const { UnlockKey } = await context.get<{ UnlockKey: string }>('/swarm/unlockkey');
  if (UnlockKey === '') throw failed('no unlock key is set');
  return UnlockKey;
}

/** A line of input; what is typed at a terminal does not show. */
async function readSecret(context: CliContext, prompt: string): Promise<string> {
  const { stdin: input } = context.terminal;
  const isTyped = input instanceof ReadStream && input.isTTY;
  if (isTyped) context.terminal.writeError(prompt);
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output, terminal: isTyped });
  try {
    for await (const line of lines) return line.trim();
    return '';
  } finally {
    lines.close();
    if (isTyped) context.terminal.writeError('\n');
  }
}

function failed(message: string): CliError {
  return new CliError({ code: 'failed' }, message);
}
