/**
 * Keeps one node's rows equal to the store's: sends the difference to what the node is known to
 * hold.
 *
 * At most one difference is on its way, so a slow node gets fewer and larger ones, and what waits
 * for it is never more than one view.
 */
import type { NodeId, Revision, ViewKey } from '../../../model/index.ts';
import { viewRows, type StampedRow, type Store } from '../../../store/index.ts';
import { HAVE_FRAMES_MAX, HAVE_ROWS_MAX, type ManagerMessage } from '../../transport/index.ts';

type RowsMessage = Extract<ManagerMessage, { type: 'rows' }>;

/** What frames of rows aim at; a single row may be larger. */
const FRAME_BYTES = 256 << 10;
/** Estimate of a row other than an assignment. */
const SMALL_ROW_BYTES = 400;

export interface ViewFeedOptions {
  readonly store: () => Store;
  readonly nodeId: NodeId;
  send(message: RowsMessage): void;
  flushed(): Promise<void>;
  countRows(count: number): void;
}

export class ViewFeed {
  private readonly options: ViewFeedOptions;
  private held = new Map<ViewKey, Revision>();
  private isReset = false;
  private haveFrames = 0;
  private state: 'learning' | 'idle' | 'sending' | 'stopped' = 'learning';
  private isDirty = false;

  constructor(options: ViewFeedOptions) {
    this.options = options;
  }

  /**
   * Takes note of what the node holds from an earlier session. False when it claims more than can
   * be.
   */
  tryLearn(rows: readonly (readonly [ViewKey, Revision])[], revision: Revision): boolean {
    this.haveFrames += 1;
    if (this.state !== 'learning' || this.haveFrames > HAVE_FRAMES_MAX) return false;
    if (rows.length > HAVE_ROWS_MAX) return false;
    // Revisions that have not been yet come from another history of this cluster: a restored
    // backup.
    if (revision > this.options.store().revision) this.isReset = true;
    for (const [key, held] of rows) this.held.set(key, held);
    return true;
  }

  /** Sends the first difference, which the node waits for even if it is empty. */
  begin(): void {
    if (this.state !== 'learning') return;
    if (this.isReset) this.held.clear();
    this.state = 'sending';
    void this.run(true);
  }

  /** The store has changed. */
  markDirty(): void {
    this.isDirty = true;
    if (this.state !== 'idle') return;
    this.state = 'sending';
    void this.run(false);
  }

  stop(): void {
    this.state = 'stopped';
    this.held.clear();
  }

  private async run(isFirst: boolean): Promise<void> {
    await this.sendDifference(isFirst);
    while (this.takeDirty()) await this.sendDifference(false);
    if (this.state === 'sending') this.state = 'idle';
  }

  private takeDirty(): boolean {
    const wasDirty = this.isDirty;
    this.isDirty = false;
    return wasDirty && this.state === 'sending';
  }

  private async sendDifference(mustSend: boolean): Promise<void> {
    const store = this.options.store();
    const { revision } = store;
    const rows = viewRows(store, this.options.nodeId);
    const upserts: StampedRow[] = [];
    const removes: ViewKey[] = [];
    for (const [key, stamped] of rows)
      if (this.held.get(key) !== stamped.revision) upserts.push(stamped);
    for (const key of this.held.keys()) if (!rows.has(key)) removes.push(key);
    if (upserts.length === 0 && removes.length === 0 && !mustSend) return;
    this.held = new Map([...rows].map(([key, stamped]) => [key, stamped.revision]));
    this.options.countRows(upserts.length + removes.length);
    const frames = inFrames(upserts);
    for (const [position, frame] of frames.entries()) {
      const isComplete = position === frames.length - 1;
      const isReset = this.isReset;
      this.isReset = false;
      const removed = isComplete ? removes : [];
      this.options.send({
        type: 'rows',
        isReset,
        upserts: frame,
        removes: removed,
        isComplete,
        revision,
      });
      await this.options.flushed();
    }
  }
}

/** At least one frame, which may be empty. */
function inFrames(rows: readonly StampedRow[]): StampedRow[][] {
  let last: StampedRow[] = [];
  const frames = [last];
  let bytes = 0;
  for (const stamped of rows) {
    const rowBytes =
      stamped.row.kind === 'assignment' ? JSON.stringify(stamped.row).length : SMALL_ROW_BYTES;
    if (bytes > 0 && bytes + rowBytes > FRAME_BYTES) {
      last = [];
      frames.push(last);
      bytes = 0;
    }
    // Only what the node needs: the index's own rows carry their key as well.
    last.push({ revision: stamped.revision, row: stamped.row });
    bytes += rowBytes;
  }
  return frames;
}
