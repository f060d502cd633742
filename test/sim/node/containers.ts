/** The containers of one machine. They outlive the agent, but not the machine. */
import type { Attachment, ServiceId, Task, TaskId } from '../../../src/model/index.ts';

export interface SimContainer {
  state: 'created' | 'running' | 'exited';
  exitCode: number;
  readonly attachments: readonly Attachment[];
  readonly serviceId: ServiceId;
}

const GATEWAY_HOSTS_MAX = 65_000;

export class Containers {
  readonly all = new Map<TaskId, SimContainer>();
  /** Sandboxes with their addresses on `hawser_gw`. */
  readonly sandboxes = new Map<TaskId, string>();

  attach(id: TaskId): void {
    if (this.sandboxes.has(id)) return;
    const taken = new Set(this.sandboxes.values());
    for (let host = 3; host < GATEWAY_HOSTS_MAX; host += 1) {
      const address = `172.18.${host >> 8}.${host & 255}`;
      if (taken.has(address)) continue;
      this.sandboxes.set(id, address);
      return;
    }
  }

  create({ id, attachments, serviceId }: Task): void {
    if (this.all.has(id)) return;
    this.all.set(id, { state: 'created', exitCode: 0, attachments, serviceId });
  }

  running(): readonly (readonly [TaskId, SimContainer])[] {
    return [...this.all].filter(([, { state }]) => state === 'running');
  }

  /** The machine lost power: what ran has ended, and sandboxes are gone. */
  lose(): void {
    this.sandboxes.clear();
    for (const container of this.all.values()) {
      if (container.state === 'running') container.exitCode = 137;
      container.state = 'exited';
    }
  }

  clear(): void {
    this.all.clear();
    this.sandboxes.clear();
  }
}
