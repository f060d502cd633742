/**
 * The sandboxes of this node: which task has which namespace and which address on `hawser_gw`.
 *
 * The table is written to the run directory before anything is made from it, so an agent that was
 * killed finds the sandboxes of the containers that went on without it. It goes with a reboot, as
 * the namespaces do.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { cidr4, cidr4Size, formatIpv4, ipv4FromNumber, messageOf } from '../base/index.ts';
import type { Logger } from '../base/index.ts';
import type { TaskId } from '../model/index.ts';
import { writeFileAtomic } from './atomic-file.ts';
import { NodeError } from './errors.ts';

export interface Sandbox {
  readonly taskId: TaskId;
  /** Namespace's name under `<run-dir>/netns`. */
  readonly namespace: string;
  /** Its address on `hawser_gw`, without prefix length. */
  readonly gatewayAddress: string;
}

const StateFile = z.object({
  version: z.literal(1),
  prefix: z.string(),
  sandboxes: z.array(
    z.object({ taskId: z.string(), namespace: z.string(), gatewayAddress: z.string() }),
  ),
});

/** First host numbers of the prefix: the bridge itself and the leg of the ingress namespace. */
const BRIDGE_HOST = 1;
const INGRESS_HOST = 2;

export class SandboxTable {
  readonly prefix: string;
  private readonly path: string;
  private readonly sandboxes = new Map<TaskId, Sandbox>();
  private readonly used = new Set<string>();
  private nextHost = INGRESS_HOST + 1;
  private saving: Promise<void> = Promise.resolve();

  private constructor(path: string, prefix: string) {
    this.path = path;
    this.prefix = prefix;
  }

  /** Opens the table of `runDirectory`; a new one gets the prefix of `choosePrefix`. */
  static async open(
    runDirectory: string,
    choosePrefix: () => Promise<string>,
    logger: Logger,
  ): Promise<SandboxTable> {
    const path = join(runDirectory, 'sandboxes.json');
    const stored = await readState(path, logger);
    const table = new SandboxTable(path, stored?.prefix ?? (await choosePrefix()));
    for (const row of stored?.sandboxes ?? []) {
      table.put({ ...row, taskId: row.taskId as TaskId });
    }
    if (stored === undefined) await table.save();
    return table;
  }

  /** The bridge's own address on `hawser_gw`. */
  get bridgeAddress(): string {
    return this.addressOf(BRIDGE_HOST);
  }

  /** The ingress namespace's address on `hawser_gw`. */
  get ingressAddress(): string {
    return this.addressOf(INGRESS_HOST);
  }

  get(taskId: TaskId): Sandbox | undefined {
    return this.sandboxes.get(taskId);
  }

  values(): Sandbox[] {
    return [...this.sandboxes.values()];
  }

  /** Ensures the task has a sandbox; durable when resolved. */
  async ensure(taskId: TaskId): Promise<Sandbox> {
    const existing = this.sandboxes.get(taskId);
    if (existing) return existing;
    const sandbox = {
      taskId,
      namespace: `t-${taskId.slice(0, 12)}`,
      gatewayAddress: this.freeAddress(),
    };
    this.put(sandbox);
    await this.save();
    return sandbox;
  }

  async remove(taskId: TaskId): Promise<void> {
    const sandbox = this.sandboxes.get(taskId);
    if (!sandbox) return;
    this.sandboxes.delete(taskId);
    this.used.delete(sandbox.gatewayAddress);
    await this.save();
  }

  private put(sandbox: Sandbox): void {
    this.sandboxes.set(sandbox.taskId, sandbox);
    this.used.add(sandbox.gatewayAddress);
  }

  /** Next-fit, so that an address is not given to another task right after its owner went. */
  private freeAddress(): string {
    const hosts = cidr4Size(cidr4(this.prefix)) - 1;
    for (let tried = 0; tried < hosts; tried += 1) {
      if (this.nextHost >= hosts) this.nextHost = INGRESS_HOST + 1;
      const address = this.addressOf(this.nextHost);
      this.nextHost += 1;
      if (!this.used.has(address)) return address;
    }
    throw new NodeError(
      { code: 'gateway-exhausted', prefix: this.prefix },
      `every address of hawser_gw (${this.prefix}) is in use: run fewer tasks on this node or ` +
        `give it a larger --gateway-prefix`,
    );
  }

  private addressOf(host: number): string {
    return formatIpv4(ipv4FromNumber(cidr4(this.prefix).base + host));
  }

  /** Writes one after the other; each writes the newest state. */
  private save(): Promise<void> {
    const write = (): Promise<void> => {
      const state = { version: 1, prefix: this.prefix, sandboxes: this.values() };
      return writeFileAtomic(this.path, JSON.stringify(state));
    };
    const saved = this.saving.then(write);
    this.saving = saved.catch(() => undefined);
    return saved;
  }
}

async function readState(
  path: string,
  logger: Logger,
): Promise<z.infer<typeof StateFile> | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return StateFile.parse(JSON.parse(text));
  } catch (error) {
    logger.error({ path, error: messageOf(error) }, 'sandbox table is unreadable; starting anew');
    return undefined;
  }
}
