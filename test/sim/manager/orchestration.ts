/** Runs the orchestrator's decisions, one at a time, after every change and when one falls due. */
import { SeededRng } from '../../../src/base/index.ts';
import { decide } from '../../../src/orchestrator/index.ts';
import type { ManagerHost } from './manager-host.ts';

/** From one decision to the next. */
const PAUSE_MS = 60;

export class Orchestration {
  private readonly host: ManagerHost;
  private readonly rng: SeededRng;
  private state: 'idle' | 'due' | 'proposing' | 'stopped' = 'idle';
  private isDirty = false;
  private wakes = 0;

  constructor(host: ManagerHost) {
    this.host = host;
    this.rng = new SeededRng(host.world.rng.nextU32());
  }

  /** Nothing is on its way, and nothing is wanted. */
  get isIdle(): boolean {
    return this.state === 'idle';
  }

  stop(): void {
    this.state = 'stopped';
  }

  wake(): void {
    this.isDirty = true;
    if (this.state !== 'idle') return;
    this.state = 'due';
    this.host.after(PAUSE_MS, () => {
      if (this.state === 'due') this.decideOnce();
    });
  }

  private decideOnce(): void {
    const { host } = this;
    this.isDirty = false;
    this.state = 'idle';
    const nowMs = host.node.clock.wallMs();
    const { command, wakeAtMs } = decide(host.replica.store, nowMs, this.rng);
    if (wakeAtMs !== undefined) this.wakeIn(wakeAtMs - nowMs);
    if (command === undefined) return;
    const isTaken = host.proposer?.tryPropose(command, (written) => {
      if (this.state !== 'proposing') return;
      this.state = 'idle';
      if (this.isDirty || written.kind === 'unknown') this.wake();
    });
    if (isTaken === true) this.state = 'proposing';
    else this.wake();
  }

  private wakeIn(ms: number): void {
    this.wakes += 1;
    const { wakes } = this;
    this.host.after(Math.max(1, ms), () => {
      if (wakes === this.wakes) this.wake();
    });
  }
}
