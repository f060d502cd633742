/**
 * The ring that this node follows, in memory and in `gossip-keys.json` beside `view.json`, for root
 * only: an agent that starts while no manager can be reached gossips with it. A key on a disk that
 * is lost opens the gossip until the managers have rotated it away, two lives of a key later.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, type Logger } from '../../../base/index.ts';
import { KeyRing } from '../../../gossip/index.ts';
import type { NodeId } from '../../../model/index.ts';
import { SYSTEM_DISK, errnoOf, replaceFile } from '../../log/index.ts';
import { ringSchema } from '../../transport/index.ts';
import { ringPlanOf, type WireRing } from './ring-plan.ts';

const fileSchema = z.object({ version: z.literal(1), nodeId: z.string(), ring: ringSchema });

export interface HeldKeysOptions {
  readonly directory: string;
  readonly nodeId: NodeId;
  readonly logger: Logger;
}

export class HeldKeys {
  private readonly options: HeldKeysOptions;
  private held: KeyRing | undefined;
  private writing: Promise<void> = Promise.resolve();

  private constructor(options: HeldKeysOptions) {
    this.options = options;
  }

  /** With the ring of an earlier run, if it can be read. */
  static async load(options: HeldKeysOptions): Promise<HeldKeys> {
    const keys = new HeldKeys(options);
    await keys.tryLoad();
    return keys;
  }

  /** One object for as long as this is; undefined until a manager has told the first ring. */
  get ring(): KeyRing | undefined {
    return this.held;
  }

  /** Takes over what a manager told; an older ring than the one followed changes nothing. */
  follow(told: WireRing): void {
    const plan = ringPlanOf(told);
    if (this.held === undefined) this.held = new KeyRing(plan);
    else if (!this.held.follow(plan)) return;
    this.write(told);
  }

  /** Resolves once what is held is on disk. */
  async flush(): Promise<void> {
    await this.writing;
  }

  async discard(): Promise<void> {
    await this.writing;
    await removeHeldKeys(this.options.directory);
  }

  private write(told: WireRing): void {
    const { nodeId, directory, logger } = this.options;
    const text = JSON.stringify({ version: 1, nodeId, ring: told });
    this.writing = this.writing
      .then(() => replaceFile(SYSTEM_DISK, pathOf(directory), Buffer.from(text)))
      .catch((error: unknown) =>
        logger.warn({ error: messageOf(error) }, "the gossip's keys could not be kept on disk"),
      );
  }

  private async tryLoad(): Promise<void> {
    const { directory, nodeId, logger } = this.options;
    try {
      const text = (await SYSTEM_DISK.read(pathOf(directory))).toString();
      const file = fileSchema.parse(JSON.parse(text));
      if (file.nodeId === nodeId) this.held = new KeyRing(ringPlanOf(file.ring));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return;
      // Only the kind of failure: the text of others quotes the file.
      logger.warn({}, "the gossip's kept keys cannot be read; a manager will tell them again");
    }
  }
}

export async function removeHeldKeys(directory: string): Promise<void> {
  await SYSTEM_DISK.remove(pathOf(directory));
}

function pathOf(directory: string): string {
  return join(directory, 'gossip-keys.json');
}
