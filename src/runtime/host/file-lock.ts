/**
 * A lock between processes that cannot go stale: flock(2), held by a child that lives as long as
 * its stdin.
 *
 * When the agent dies, however it dies, the kernel closes the pipe, `cat` ends, and the lock is
 * free. Within one process the callers queue first, so there is at most one child per lock.
 */
import { spawn } from 'node:child_process';
import { RuntimeError } from '../errors.ts';
import { collectText, exitOf, toolEnvironment } from './command.ts';

/** Holders copy at most metadata; a minute means that something hangs. */
const LOCK_TIMEOUT_MS = 60_000;

export class FileLock {
  private readonly file: string;
  private tail: Promise<unknown> = Promise.resolve();

  constructor(file: string) {
    this.file = file;
  }

  /** Runs `work` while no other process and no other caller holds the lock. */
  async with<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.tail.then(() => this.hold(work));
    this.tail = turn.catch(() => undefined);
    return turn;
  }

  private async hold<Result>(work: () => Promise<Result>): Promise<Result> {
    const release = await takeFlock(this.file);
    try {
      return await work();
    } finally {
      await release();
    }
  }
}

async function takeFlock(file: string): Promise<() => Promise<void>> {
  const seconds = String(LOCK_TIMEOUT_MS / 1000);
  const child = spawn('flock', ['-x', '-w', seconds, file, 'sh', '-c', 'echo; exec cat'], {
    env: toolEnvironment(),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const stderr = collectText(child.stderr);
  const exited = exitOf(child, 'flock');
  const locked = new Promise<'locked'>((resolve) =>
    child.stdout.once('data', () => resolve('locked')),
  );
  const first = await Promise.race([locked, exited]);
  if (first !== 'locked') {
    throw new RuntimeError(
      { code: 'timeout', what: `lock ${file}`, afterMs: LOCK_TIMEOUT_MS },
      `cannot lock ${file}: ${stderr.text().trim() || 'another process holds it'}`,
    );
  }
  return async () => {
    child.stdin.end();
    await exited;
  };
}
