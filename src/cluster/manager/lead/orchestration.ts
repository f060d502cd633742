/**
 * Runs the orchestrator's decisions: after every change of the store, when a decision falls due,
 * one at a time.
 */
import { messageOf, type Clock, type Logger, type Rng } from '../../../base/index.ts';
import { Orchestrator } from '../../../orchestrator/index.ts';
import type { ApplyOutcome, Command, Store } from '../../../store/index.ts';
import { inSlices } from '../slices.ts';

export interface OrchestrationOptions {
  readonly store: Store;
  readonly propose: (command: Command) => Promise<ApplyOutcome>;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  /** From one decision to the next, so that changes which come together are looked at together. */
  readonly intervalMs: number;
}

/** After a decision that could not be written. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 10_000;
/** Longest a timer can run. */
const WAKE_MAX_MS = 2 ** 31 - 1;

export class Orchestration {
  private readonly options: OrchestrationOptions;
  private orchestrator: Orchestrator | undefined;
  private state: 'idle' | 'deciding' | 'stopped' = 'stopped';
  private isDirty = false;
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;
  private endPause: () => void = () => undefined;

  constructor(options: OrchestrationOptions) {
    this.options = options;
  }

  start(): void {
    this.state = 'idle';
    this.orchestrator = new Orchestrator(this.options.store);
    this.wake();
  }

  stop(): void {
    this.state = 'stopped';
    clearTimeout(this.timer);
    this.orchestrator?.close();
    this.orchestrator = undefined;
    this.endPause();
  }

  /** Something changed, or a time has come. */
  wake(): void {
    this.isDirty = true;
    if (this.state !== 'idle' || this.orchestrator === undefined) return;
    this.state = 'deciding';
    clearTimeout(this.timer);
    void this.run(this.orchestrator);
  }

  private async run(orchestrator: Orchestrator): Promise<void> {
    let waitMs: number | undefined;
    // Not within the store's own change.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.takeDirty(orchestrator)) {
      waitMs = await this.decideOnce(orchestrator);
      await this.pause();
    }
    if (this.orchestrator !== orchestrator) return;
    this.state = 'idle';
    if (waitMs !== undefined)
      this.timer = setTimeout(() => this.wake(), Math.min(waitMs, WAKE_MAX_MS));
  }

  private async pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.timer = setTimeout(resolve, this.options.intervalMs);
      this.endPause = resolve;
    });
  }

  /** Whether there is something to decide. A run that was stopped decides nothing more. */
  private takeDirty(orchestrator: Orchestrator): boolean {
    if (this.orchestrator !== orchestrator) return false;
    const wasDirty = this.isDirty;
    this.isDirty = false;
    return wasDirty;
  }

  /** Milliseconds until the next look, if one is due without a change. */
  private async decideOnce(orchestrator: Orchestrator): Promise<number | undefined> {
    const { clock, rng, propose, logger } = this.options;
    const nowMs = clock.wallMs();
    const { command, wakeAtMs } = await inSlices(orchestrator.decide(nowMs, rng));
    if (this.orchestrator !== orchestrator) return undefined;
    // A command that changes the store wakes this loop again through the store's watch; one that
    // does not, must not.
    try {
      if (command !== undefined) {
        const outcome = await propose(command);
        if (!outcome.ok) throw new Error(outcome.refusal.message);
      }
      this.failures = 0;
      return wakeAtMs === undefined ? undefined : Math.max(0, wakeAtMs - nowMs);
    } catch (error) {
      this.failures += 1;
      logger.warn({ error: messageOf(error) }, 'a decision of the orchestrator was not taken');
      return Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(this.failures, 10));
    }
  }
}
