/**
 * Keeps logs bounded: beyond a size `log` becomes `log.1`, `log.1` becomes `log.2`, and conmon is
 * told to begin anew.
 *
 * conmon's own limit throws the whole file away, so it is only the net below, for when the agent is
 * away.
 */
import { constants } from 'node:fs';
import { open, rename, stat } from 'node:fs/promises';
import { messageOf, type Logger } from '../../base/index.ts';
import { errnoOf } from '../errors.ts';
import { ROTATED_MAX } from './log-files.ts';

const CHECK_MS = 5_000;
const DEFAULT_BYTES_MAX = 10 << 20;
/** A line on conmon's control pipe: message type 2 reopens the log; two numbers always follow. */
const REOPEN_LOG = '2 0 0\n';

interface RotatingLog {
  readonly logFile: string;
  readonly controlPipe: string;
}

export interface LogRotationOptions {
  readonly logger: Logger;
  readonly running: () => readonly RotatingLog[];
  readonly bytesMax?: number;
}

export class LogRotation {
  private readonly options: LogRotationOptions;
  private readonly timer: NodeJS.Timeout;
  private isChecking = false;

  constructor(options: LogRotationOptions) {
    this.options = options;
    this.timer = setInterval(() => void this.check(), CHECK_MS);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private async check(): Promise<void> {
    if (this.isChecking) return;
    this.isChecking = true;
    for (const log of this.options.running()) {
      await maybeRotate(log, this.options.bytesMax ?? DEFAULT_BYTES_MAX).catch((error: unknown) => {
        this.options.logger.warn(
          { log: log.logFile, error: messageOf(error) },
          'cannot rotate a log',
        );
      });
    }
    this.isChecking = false;
  }
}

/** Whether it was rotated. Throws when conmon cannot be told, before anything is renamed. */
export async function maybeRotate(log: RotatingLog, bytesMax: number): Promise<boolean> {
  const size = await stat(log.logFile).then(
    (found) => found.size,
    () => 0,
  );
  if (size <= bytesMax) return false;
  // Without a reader the open fails at once (ENXIO): conmon is gone, and nothing would make a new
  // file.
  const pipe = await open(log.controlPipe, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    for (let age = ROTATED_MAX; age > 0; age -= 1) {
      const from = age === 1 ? log.logFile : `${log.logFile}.${age - 1}`;
      await renameIfThere(from, `${log.logFile}.${age}`);
    }
    await pipe.write(REOPEN_LOG);
  } finally {
    await pipe.close();
  }
  return true;
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
