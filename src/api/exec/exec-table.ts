import type { ExecProcess, ExecSpec } from '../../runtime/index.ts';

/**
 * Exec instances kept for inspection; when there are so many, the oldest that is over goes first.
 */
export const EXECS_MAX = 1_000;

/** A process that was asked for inside a container. `created -> starting -> running -> exited`. */
export interface Exec {
  readonly id: string;
  readonly containerId: string;
  readonly spec: ExecSpec;
  readonly isAttached: {
    readonly stdin: boolean;
    readonly stdout: boolean;
    readonly stderr: boolean;
  };
  state: 'created' | 'starting' | 'running' | 'exited';
  /** Set from `running` on. */
  process?: ExecProcess;
  /** Set from `exited` on. */
  exitCode?: number;
}

export class ExecTable {
  private readonly execs = new Map<string, Exec>();

  get(id: string): Exec | undefined {
    return this.execs.get(id);
  }

  /** False when there are `EXECS_MAX` and all of them run. */
  tryAdd(exec: Exec): boolean {
    if (this.execs.size >= EXECS_MAX && !this.evictOne()) return false;
    this.execs.set(exec.id, exec);
    return true;
  }

  private evictOne(): boolean {
    for (const [id, { state }] of this.execs) {
      if (state === 'exited' || state === 'created') return this.execs.delete(id);
    }
    return false;
  }
}
