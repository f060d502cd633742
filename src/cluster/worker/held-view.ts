/**
 * The rows this node holds, in memory and on disk, so that a node which restarts without a manager
 * knows what it had.
 *
 * Frames are applied as they come; listeners and the file see them once they are complete for one
 * revision. The file is written a little later than that, because it is as large as the view; so
 * what is read from it `isRemembered`, and nothing that has to be true is begun from it.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, type Logger } from '../../base/index.ts';
import type { NodeId, NodeView, Revision, ViewKey, ViewRow } from '../../model/index.ts';
import { viewKey } from '../../model/index.ts';
import { buildView } from '../../store/index.ts';
import { SYSTEM_DISK, errnoOf, replaceFile } from '../log/index.ts';
import { rowSchema, type ManagerMessage } from '../transport/index.ts';

type RowsMessage = Extract<ManagerMessage, { type: 'rows' }>;

interface HeldRow {
  readonly revision: Revision;
  readonly row: ViewRow;
}

/** Changes within this time are written together. */
const WRITE_DELAY_MS = 500;
/** Rows a manager may make this node hold. */
const ROWS_MAX = 500_000;

const fileSchema = z.object({
  version: z.literal(1),
  nodeId: z.string(),
  revision: z.int(),
  rows: z.array(z.object({ revision: z.int(), row: rowSchema })),
});

export interface HeldViewOptions {
  readonly directory: string;
  readonly nodeId: NodeId;
  readonly logger: Logger;
}

export class HeldView {
  private readonly options: HeldViewOptions;
  private readonly rows = new Map<ViewKey, HeldRow>();
  private revision = 0 as Revision;
  private current: NodeView | undefined;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  private constructor(options: HeldViewOptions) {
    this.options = options;
  }

  /** With the rows of an earlier run, if they can be read. */
  static async load(options: HeldViewOptions): Promise<HeldView> {
    const held = new HeldView(options);
    await held.tryLoad();
    return held;
  }

  get view(): NodeView | undefined {
    return this.current;
  }

  get heldRevision(): Revision {
    return this.revision;
  }

  /** What a manager needs to know to send only the difference. */
  get marks(): [ViewKey, Revision][] {
    return [...this.rows].map(([key, held]) => [key, held.revision]);
  }

  /**
   * Whether the view is a new one. Throws nothing: a manager that sends too much is cut short and
   * told so by the log.
   */
  apply(message: RowsMessage): boolean {
    if (message.isReset) this.rows.clear();
    for (const key of message.removes) this.rows.delete(key);
    for (const { revision, row } of message.upserts) {
      if (this.rows.size < ROWS_MAX) this.rows.set(viewKey(row), { revision, row });
      else this.options.logger.error({ rows: ROWS_MAX }, 'too many rows; some are left out');
    }
    if (!message.isComplete) return false;
    this.revision = message.revision;
    this.current = this.build();
    this.timer ??= setTimeout(() => this.write(), WRITE_DELAY_MS);
    return true;
  }

  /** Resolves once what is held is on disk. */
  async flush(): Promise<void> {
    if (this.timer !== undefined) this.write();
    await this.writing;
  }

  /** Writes no more. */
  async discard(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.writing;
    await removeHeldView(this.options.directory);
  }

  private build(): NodeView {
    const rows = [...this.rows.values()].map((held) => held.row);
    return buildView(this.options.nodeId, this.revision, rows);
  }

  private write(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { nodeId, directory, logger } = this.options;
    const rows = [...this.rows.values()];
    const text = JSON.stringify({ version: 1, nodeId, revision: this.revision, rows });
    this.writing = this.writing
      .then(() => replaceFile(SYSTEM_DISK, pathOf(directory), Buffer.from(text)))
      .catch((error: unknown) =>
        logger.warn({ error: messageOf(error) }, 'the view of this node could not be kept on disk'),
      );
  }

  private async tryLoad(): Promise<void> {
    const { directory, nodeId, logger } = this.options;
    try {
      const text = (await SYSTEM_DISK.read(pathOf(directory))).toString();
      const file = fileSchema.parse(JSON.parse(text));
      if (file.nodeId !== nodeId) return;
      for (const { revision, row } of file.rows)
        this.rows.set(viewKey(row), { revision: revision as Revision, row });
      this.revision = file.revision as Revision;
      this.current = { ...this.build(), isRemembered: true };
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return;
      // A manager will tell it all again.
      logger.warn(
        { error: messageOf(error) },
        "this node's kept view cannot be read and is dropped",
      );
    }
  }
}

export async function removeHeldView(directory: string): Promise<void> {
  await SYSTEM_DISK.remove(pathOf(directory));
}

function pathOf(directory: string): string {
  return join(directory, 'view.json');
}
