/**
 * Notices that containers ended.
 *
 * conmon writes `<run>/exits/<id>`; inotify says so at once. A poll every few seconds finds what
 * inotify lost, and containers whose conmon was killed, of which nobody writes anything.
 */
import { watch, type FSWatcher } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type { Logger } from '../../base/index.ts';
import { messageOf } from '../../base/index.ts';

const POLL_MS = 2_000;

export interface ExitWatchOptions {
  readonly directory: string;
  readonly logger: Logger;
  /** An exit file with this name may be there. */
  readonly onExitFile: (name: string) => void;
  /** Once per poll: look for what left no file. */
  readonly onPoll: () => Promise<void>;
}

export class ExitWatch {
  private readonly options: ExitWatchOptions;
  private watcher: FSWatcher | undefined;
  private readonly timer: NodeJS.Timeout;
  private isPolling = false;

  constructor(options: ExitWatchOptions) {
    this.options = options;
    this.startWatching();
    this.timer = setInterval(() => void this.poll(), POLL_MS);
  }

  close(): void {
    this.watcher?.close();
    clearInterval(this.timer);
  }

  private startWatching(): void {
    const { directory, logger, onExitFile } = this.options;
    try {
      this.watcher = watch(directory, (_, name) => {
        if (name !== null) onExitFile(name);
      });
      this.watcher.on('error', (error) => {
        logger.warn({ error: messageOf(error) }, 'exit directory is not watched; polling it');
        this.watcher?.close();
        this.watcher = undefined;
      });
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'exit directory is not watched; polling it');
    }
  }

  private async poll(): Promise<void> {
    if (this.isPolling) return;
    this.isPolling = true;
    try {
      for (const name of await readdir(this.options.directory)) this.options.onExitFile(name);
      await this.options.onPoll();
    } catch (error) {
      this.options.logger.warn({ error: messageOf(error) }, 'cannot look for exits');
    } finally {
      this.isPolling = false;
    }
  }
}
