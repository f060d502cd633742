/**
 * A terminal between the agent's pipes and `runc exec --tty`.
 *
 * runc wants a terminal on its side, copies its size to the container's and follows SIGWINCH. Node
 * has no way to make one, so `script` (util-linux, essential on Debian) does: its child's stdin is
 * the terminal, whose name is written to a file, and `stty` sets its size, upon which the kernel
 * sends SIGWINCH to runc.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { toolEnvironment } from '../host/command.ts';

const SIZE_MAX = 0xffff;

/** `script` runs its command through a shell: every word is quoted. */
export function terminalCommand(command: readonly string[], size: TerminalSize): string[] {
  const quoted = command.map(quote).join(' ');
  const line = `stty rows 24 columns 80; tty > ${quote(size.nameFile)}; exec ${quoted}`;
  return [
    'script',
    '--quiet',
    '--return',
    '--flush',
    '--echo',
    'never',
    '--command',
    line,
    '/dev/null',
  ];
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

export class TerminalSize {
  /** Holds the terminal's path once it is there. */
  readonly nameFile: string;
  private wanted: readonly [number, number] | undefined;
  private isSetting = false;

  constructor(directory: string) {
    this.nameFile = path.join(directory, 'tty');
  }

  set(rows: number, columns: number): void {
    const isValid = [rows, columns].every(
      (side) => Number.isInteger(side) && side > 0 && side <= SIZE_MAX,
    );
    if (!isValid) return;
    this.wanted = [rows, columns];
    if (!this.isSetting) void this.apply();
  }

  private async apply(): Promise<void> {
    this.isSetting = true;
    const terminal = await waitForName(this.nameFile);
    while (terminal !== undefined && this.wanted !== undefined) {
      const [rows, columns] = this.wanted;
      this.wanted = undefined;
      await setSize(terminal, rows, columns);
    }
    this.isSetting = false;
  }
}

const NAME_TRIES = 100;
const NAME_PAUSE_MS = 20;

async function waitForName(file: string): Promise<string | undefined> {
  for (let tries = 0; tries < NAME_TRIES; tries += 1) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (/^\/dev\/pts\/\d+\n$/.test(text)) return text.trim();
    await new Promise((resolve) => setTimeout(resolve, NAME_PAUSE_MS));
  }
  return undefined;
}

function setSize(terminal: string, rows: number, columns: number): Promise<void> {
  const args = ['-F', terminal, 'rows', String(rows), 'columns', String(columns)];
  const child = spawn('stty', args, { env: toolEnvironment(), stdio: 'ignore' });
  return new Promise((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  });
}
