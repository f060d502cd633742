/** Requests that go on all the time from one place, and which of them failed. */
import { spawn, type ChildProcess } from 'node:child_process';

export interface Probed {
  readonly answered: number;
  readonly failed: readonly string[];
}

export class Prober {
  readonly #child: ChildProcess;
  #output = '';

  /**
   * Runs `request` (a word of the shell, with `$1` for the target) for each target in turn. `place`
   * is a command that runs a shell where the requests shall come from.
   */
  constructor(place: readonly string[], request: string, targets: readonly string[]) {
    const loop =
      `ask() { said=$(${request} 2>&1 >/dev/null) && echo ok || ` +
      `echo "failed $1 at $(date +%T): $said"; }; ` +
      `while :; do for target in ${targets.join(' ')}; do ask $target; sleep 0.1; done; done`;
    const command: readonly string[] = [...place, 'sh', '-c', loop];
    const [program = '', ...args] = command;
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
  }

  get seen(): Probed {
    const lines = this.#output.split('\n').slice(0, -1);
    const failed = lines.filter((line) => line !== 'ok');
    return { answered: lines.length - failed.length, failed };
  }

  stop(): Probed {
    this.#child.kill('SIGKILL');
    return this.seen;
  }
}
