/**
 * The node's engine as the agent holds it: adopted where one runs, started where none does, taken
 * over from where it is another build, and started again when it dies.
 */
import { rm } from 'node:fs/promises';
import { existsSync, rmdirSync } from 'node:fs';
import { messageOf, type Logger } from '../../../base/index.ts';
import { EngineLink } from './engine-link.ts';
import {
  countersPathOf,
  findProgram,
  socketPathOf,
  startEngine,
  type EngineLimits,
  type EnginePlace,
} from './engine-process.ts';

const RESTART_DELAYS_MS = [0, 100, 500, 2000, 5000];

export interface EngineOptions {
  readonly place: EnginePlace;
  readonly limits: EngineLimits;
  readonly logger: Logger;
  /** Tells a new link everything; the engine counts as ready once this has resolved. */
  readonly catchUp: (link: EngineLink) => Promise<void>;
}

export class Engine {
  private readonly options: EngineOptions;
  private link: EngineLink | undefined;
  private linking: Promise<EngineLink> | undefined;
  private retry: NodeJS.Timeout | undefined;
  private failures = 0;
  private isClosed = false;

  constructor(options: EngineOptions) {
    this.options = options;
  }

  /** Whether one has been left by an earlier agent, or is served by this one. */
  get isThere(): boolean {
    return this.link !== undefined || existsSync(socketPathOf(this.options.place));
  }

  /** The link, if there is one at present. */
  get current(): EngineLink | undefined {
    return this.link?.isOpen === true ? this.link : undefined;
  }

  /** Resolves with a link that knows everything. Throws `ResolverError` and system errors. */
  ready(): Promise<EngineLink> {
    const link = this.current;
    if (link !== undefined) return Promise.resolve(link);
    this.linking ??= this.join().finally(() => {
      this.linking = undefined;
    });
    return this.linking;
  }

  /** Lets go of the engine, which goes on; resolves when none is being started any more. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.retry);
    this.link?.close();
    await this.linking?.catch(() => undefined);
  }

  private async join(): Promise<EngineLink> {
    const link = await this.adoptOrStart();
    await this.options.catchUp(link);
    this.link = link;
    this.failures = 0;
    link.onClose(() => this.onLost());
    if (this.isClosed) link.close();
    return link;
  }

  private async adoptOrStart(): Promise<EngineLink> {
    const { place, limits, logger } = this.options;
    const path = socketPathOf(place);
    const program = await findProgram();
    const found = await EngineLink.connect(path).catch(() => undefined);
    if (found?.welcome.build === program.build) return found;
    await startEngine(program, place, { limits, isTakingOver: found !== undefined });
    found?.close();
    const link = await EngineLink.connect(path);
    const { pid, build } = link.welcome;
    logger.info({ pid, build, replaces: found?.welcome.build }, 'DNS engine started');
    return link;
  }

  private onLost(): void {
    this.link = undefined;
    if (this.isClosed) return;
    this.options.logger.error({}, 'the DNS engine is gone; starting it again');
    this.restart();
  }

  private restart(): void {
    const delayMs = RESTART_DELAYS_MS[Math.min(this.failures, RESTART_DELAYS_MS.length - 1)];
    this.failures += 1;
    this.retry = setTimeout(() => {
      this.ready().catch((error: unknown) => {
        if (this.isClosed) return;
        this.options.logger.error({ error: messageOf(error) }, 'no DNS engine');
        this.restart();
      });
    }, delayMs);
  }
}

/** Ends the engine of a run directory, if there is one, and removes what it kept there. */
export async function stopEngine(place: EnginePlace): Promise<void> {
  const path = socketPathOf(place);
  const link = await EngineLink.connect(path).catch(() => undefined);
  await link?.stopEngine();
  for (const left of [path, countersPathOf(place)]) await rm(left, { force: true });
  for (const directory of place.cgroups) {
    try {
      rmdirSync(directory);
    } catch {
      // Not there, or another agent's engine is in it.
    }
  }
}
