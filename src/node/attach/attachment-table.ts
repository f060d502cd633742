/**
 * What this node has attached: which attachment has which interface in whose namespace.
 *
 * A row is on disk before anything is made or asked for because of it, so an agent that was killed
 * finds the attachments that went on without it. The file goes with a reboot, as the namespaces do.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, type Logger } from '../../base/index.ts';
import { joinedLink, joinedNamespace, type NamespaceName } from '../../dataplane/index.ts';
import type { NetworkId, TaskId } from '../../model/index.ts';
import { writeFileAtomic } from '../atomic-file.ts';

export interface AttachmentRow {
  readonly taskId: TaskId;
  readonly name: string;
  /** As the operator gave it: where the namespace was found. */
  readonly path: string;
  /** Of the namespace while it lives, as the kernel tells it. */
  readonly identity: string;
  /** Under which the namespace is held. */
  readonly namespace: NamespaceName;
  readonly link: string;
  /** Set once the managers gave it a place and this node was told of it. */
  readonly place?: AttachmentPlace | undefined;
}

export interface AttachmentPlace {
  readonly networkId: NetworkId;
  readonly address: string;
  /** Of the view that first had it: an older view that has it not, says nothing. */
  readonly revision: number;
}

const FileRow = z.object({
  taskId: z.string(),
  name: z.string(),
  path: z.string(),
  identity: z.string(),
  namespace: z.string(),
  link: z.string(),
  place: z.object({ networkId: z.string(), address: z.string(), revision: z.number() }).optional(),
});
const StateFile = z.object({ version: z.literal(1), attachments: z.array(FileRow) });

/** Attachments of one node; each costs a file write and a look at its namespace per second. */
export const ATTACHMENTS_MAX = 4096;

export class AttachmentTable {
  private readonly path: string;
  private readonly rows = new Map<TaskId, AttachmentRow>();
  private saving: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.path = path;
  }

  static async open(runDirectory: string, logger: Logger): Promise<AttachmentTable> {
    const table = new AttachmentTable(join(runDirectory, 'attachments.json'));
    for (const row of await readRows(table.path, logger)) table.rows.set(row.taskId, row);
    return table;
  }

  get(taskId: TaskId): AttachmentRow | undefined {
    return this.rows.get(taskId);
  }

  values(): AttachmentRow[] {
    return [...this.rows.values()];
  }

  in(namespace: NamespaceName): AttachmentRow[] {
    return this.values().filter((row) => row.namespace === namespace);
  }

  /** A row for a new attachment, in the namespace that others of it are in already. */
  async add(row: Pick<AttachmentRow, 'taskId' | 'name' | 'path' | 'identity'>): Promise<{
    readonly row: AttachmentRow;
    readonly isFirst: boolean;
  }> {
    const others = this.values().filter(({ identity }) => identity === row.identity);
    const namespace = others[0]?.namespace ?? joinedNamespace(row.taskId);
    const links = new Set(others.map(({ link }) => link));
    let index = 0;
    while (links.has(joinedLink(index))) index += 1;
    const added = { ...row, namespace, link: joinedLink(index) };
    await this.put(added);
    return { row: added, isFirst: others.length === 0 };
  }

  async put(row: AttachmentRow): Promise<void> {
    this.rows.set(row.taskId, row);
    await this.save();
  }

  async remove(taskId: TaskId): Promise<void> {
    if (this.rows.delete(taskId)) await this.save();
  }

  /** Writes one after the other; each writes the newest state. */
  private save(): Promise<void> {
    const write = (): Promise<void> =>
      writeFileAtomic(this.path, JSON.stringify({ version: 1, attachments: this.values() }));
    const saved = this.saving.then(write);
    this.saving = saved.catch(() => undefined);
    return saved;
  }
}

async function readRows(path: string, logger: Logger): Promise<readonly AttachmentRow[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    return StateFile.parse(JSON.parse(text)).attachments as readonly object[] as AttachmentRow[];
  } catch (error) {
    logger.error({ path, error: messageOf(error) }, 'attachments are unreadable; letting them go');
    return [];
  }
}
