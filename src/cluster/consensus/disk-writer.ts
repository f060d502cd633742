/**
 * Brings each write of the core to the disk, however often that takes. A write is never left out:
 * what the core believes durable is.
 */
import { messageOf, type Logger } from '../../base/index.ts';
import type { Write } from '../../raft/index.ts';
import { ClusterError } from '../errors.ts';
import type { DriverLimits } from './options.ts';
import type { ConsensusMetrics, ConsensusStorage, Pace } from './ports.ts';

export interface DiskWriterOptions {
  readonly storage: ConsensusStorage;
  readonly limits: DriverLimits;
  readonly pace: Pace;
  readonly logger: Logger;
  readonly metrics: ConsensusMetrics;
  /** The write is durable and shown in the log. */
  readonly onWritten: (write: Write, state: Buffer | undefined) => void;
}

interface Job {
  readonly write: Write;
  readonly state: Buffer | undefined;
}

export class DiskWriter {
  private readonly options: DiskWriterOptions;
  private running: Promise<void> | undefined;
  /** What the disk did not take. */
  private failed: { readonly job: Job; delayMs: number; retryMs: number } | undefined;
  private cause: ClusterError | undefined;

  constructor(options: DiskWriterOptions) {
    this.options = options;
  }

  /** Why the disk takes nothing at the moment. */
  get error(): ClusterError | undefined {
    return this.cause;
  }

  begin(write: Write, state: Buffer | undefined): void {
    this.run({ write, state });
  }

  /** Tries again when it is time. Whether it did. */
  tick(nowMs: number): boolean {
    const { failed } = this;
    if (failed === undefined || this.running !== undefined || nowMs < failed.retryMs) return false;
    this.run(failed.job);
    return true;
  }

  /** Resolves when nothing is on its way to the disk. */
  async idle(): Promise<void> {
    await this.running;
  }

  private run(job: Job): void {
    const { storage, pace, metrics } = this.options;
    const startMs = pace.monotonicMs();
    this.running = storage.write(job.write, job.state).then(
      () => {
        this.running = undefined;
        metrics.observeWriteSeconds?.((pace.monotonicMs() - startMs) / 1000);
        this.noteWritten();
        this.options.onWritten(job.write, job.state);
      },
      (error: unknown) => {
        this.running = undefined;
        this.noteFailed(job, error);
      },
    );
  }

  private noteWritten(): void {
    if (this.cause !== undefined)
      this.options.logger.info({}, 'the cluster log is written again; changes go on');
    this.cause = undefined;
    this.failed = undefined;
  }

  private noteFailed(job: Job, error: unknown): void {
    const { limits, logger, metrics, pace } = this.options;
    // Anything else is a mistake of this program, after which the log cannot be trusted.
    if (!(error instanceof ClusterError)) throw error;
    metrics.countWriteFailed?.();
    if (this.cause === undefined) {
      const fields = { error: messageOf(error), code: error.detail.code };
      logger.error(fields, 'the cluster log cannot be written; changes wait until it can');
    }
    this.cause = error;
    const before = this.failed?.delayMs ?? 0;
    const delayMs = Math.min(Math.max(before * 2, limits.diskRetryMinMs), limits.diskRetryMaxMs);
    this.failed = { job, delayMs, retryMs: pace.monotonicMs() + delayMs };
  }
}
