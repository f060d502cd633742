/**
 * The containers of this runtime in memory, each change written to disk before anyone hears of it.
 */
import type { Logger } from '../../base/index.ts';
import { messageOf } from '../../base/index.ts';
import { RuntimeError } from '../errors.ts';
import type { ContainerStatus } from '../runtime.ts';
import type { RuntimePaths } from './container-paths.ts';
import { statusOf, writeRecord, type ContainerRecord } from './container-record.ts';

export class ContainerTable {
  private readonly paths: RuntimePaths;
  private readonly logger: Logger;
  private readonly records = new Map<string, ContainerRecord>();
  private readonly listeners = new Set<(id: string) => void>();

  constructor(paths: RuntimePaths, logger: Logger) {
    this.paths = paths;
    this.logger = logger;
  }

  statuses(): readonly ContainerStatus[] {
    return [...this.records.values()].flatMap((record) => statusOf(record) ?? []);
  }

  status(id: string): ContainerStatus | undefined {
    const record = this.records.get(id);
    return record === undefined ? undefined : statusOf(record);
  }

  record(id: string): ContainerRecord | undefined {
    return this.records.get(id);
  }

  all(): readonly ContainerRecord[] {
    return [...this.records.values()];
  }

  /** Throws `not_found`. */
  expect(id: string): ContainerRecord {
    const record = this.records.get(id);
    if (record !== undefined && statusOf(record) !== undefined) return record;
    throw new RuntimeError(
      { code: 'not_found', what: 'container', name: id },
      `No such container: ${id}`,
    );
  }

  /** Takes over what is on disk already. */
  adopt(record: ContainerRecord): void {
    this.records.set(record.spec.id, record);
  }

  async put(record: ContainerRecord): Promise<void> {
    await writeRecord(this.paths.container(record.spec.id).directory, record);
    this.records.set(record.spec.id, record);
    this.notify(record.spec.id);
  }

  forget(id: string): void {
    if (this.records.delete(id)) this.notify(id);
  }

  onChange(listener: (id: string) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Whether the container's state became `state`, or it disappeared, before the time was over. */
  async waitFor(id: string, isReached: () => boolean, timeoutMs: number): Promise<boolean> {
    if (isReached()) return true;
    return new Promise((resolve) => {
      const finish = (isThere: boolean) => {
        clearTimeout(timer);
        stopListening();
        resolve(isThere);
      };
      const timer = setTimeout(() => finish(isReached()), timeoutMs);
      const stopListening = this.onChange((changed) => {
        if (changed === id && isReached()) finish(true);
      });
    });
  }

  private notify(id: string): void {
    for (const listener of [...this.listeners]) {
      try {
        listener(id);
      } catch (error) {
        this.logger.error({ container: id, error: messageOf(error) }, 'a listener failed');
      }
    }
  }
}
