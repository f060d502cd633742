import { type Clock, type Logger } from '../../base/index.ts';
import {
  buildNames,
  encodeAsker,
  encodeNetworkTable,
  type Names,
  type NamesMode,
  type NetworkNames,
} from '../../dns/index.ts';
import type { NetworkId, NodeView } from '../../model/index.ts';
import type { ClientSockets } from './client-sockets.ts';
import { readCounters, type QueryCount } from './engine/counters.ts';
import type { EngineLink } from './engine/engine-link.ts';
import { countersPathOf, type EngineLimits, type EnginePlace } from './engine/engine-process.ts';
import { Engine, stopEngine } from './engine/engine.ts';
import type { EnginePorts, HandedQuery } from './engine/frames.ts';
import { ResolverError } from './errors.ts';
import { ForwardBudget, Forwarder } from './forwarder.ts';
import { Outside, type Client } from './outside.ts';
import { UpstreamClient } from './upstream-client.ts';

export interface ResolverLimits extends EngineLimits {
  /** Forwarded questions under way per container; Docker's number. */
  readonly inFlightMax: number;
  /** And on the node: each holds up to one descriptor per upstream. */
  readonly inFlightNodeMax: number;
  /** One exchange with one server. */
  readonly upstreamTimeoutMs: number;
  /**
   * Silence after which the next server is asked as well. Equal to the timeout: strictly one after
   * the other.
   */
  readonly nextServerAfterMs: number;
}

export const RESOLVER_LIMITS: ResolverLimits = {
  inFlightMax: 1024,
  inFlightNodeMax: 8192,
  upstreamTimeoutMs: 4000,
  nextServerAfterMs: 1000,
  tcp: { connectionsMax: 64, idleMs: 10_000, pipelineMax: 64 },
  holdMs: 4000,
};

/** Tables may take one part in so many of the agent's time. */
const PUBLISHING_SHARE = 5;
const OPEN_ATTEMPTS_MAX = 3;

export interface ResolverOptions {
  readonly place: EnginePlace;
  readonly sockets: ClientSockets;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `default` unless told. */
  readonly mode?: NamesMode;
  readonly limits?: Partial<ResolverLimits>;
}

/** One container's side of the resolver. */
export interface SandboxOptions extends Omit<Client, 'sandboxId'> {
  /** The bind-mounted namespace. */
  readonly networkNamespacePath: string;
}

/** Where the container's port 53 is to be redirected to, on 127.0.0.11. */
export type ResolverPorts = EnginePorts;

interface Slot {
  options: SandboxOptions;
  outside: Outside;
  ports: ResolverPorts | undefined;
  isClosed: boolean;
}

/** Has names served in every sandbox of the node, and asks the outside for what they are not. */
export class Resolver {
  /** Told when an engine that was started again could not have a sandbox's ports back. */
  onPortsChanged: () => void = () => undefined;
  private readonly options: ResolverOptions;
  private readonly limits: ResolverLimits;
  private readonly mode: NamesMode;
  private readonly budget: ForwardBudget;
  private readonly engine: Engine;
  private readonly slots = new Map<string, Slot>();
  private names: Names | undefined;
  /** What the engine has. */
  private published = new Map<NetworkId, NetworkNames>();
  private publishing: Promise<void> | undefined;
  private publishAtMs = 0;
  private isClosed = false;

  constructor(options: ResolverOptions) {
    this.options = options;
    this.limits = { ...RESOLVER_LIMITS, ...options.limits };
    this.mode = options.mode ?? 'default';
    this.budget = new ForwardBudget(this.limits.inFlightNodeMax);
    const { place, logger } = options;
    const catchUp = (link: EngineLink): Promise<void> => this.catchUp(link);
    this.engine = new Engine({ place, logger, limits: this.limits, catchUp });
  }

  /**
   * Answers from this view soon (`whenServed`). Before the first one, queries wait in their
   * sockets.
   */
  update(view: NodeView): void {
    const { mode } = this;
    this.names = buildNames(view, { mode, ...(this.names ? { previous: this.names } : {}) });
    this.publishing ??= this.publishSoon();
  }

  /** Resolves when containers are answered from the view of the last update, or nobody is. */
  async whenServed(): Promise<void> {
    while (this.publishing !== undefined) await this.publishing;
    if (this.slots.size > 0 && !this.isClosed) await this.engine.ready().catch(() => undefined);
  }

  /**
   * Ensures that the sandbox is served, and returns the ports. For one that is served already,
   * networks and upstreams are replaced and the ports stay. Throws `ResolverError`; nothing is left
   * open then.
   */
  async open(sandboxId: string, options: SandboxOptions): Promise<ResolverPorts> {
    if (this.isClosed) throw closedError(sandboxId);
    const slot = this.place(sandboxId, options);
    try {
      slot.ports = await this.openSlot(sandboxId, slot);
    } catch (error) {
      if (slot.ports === undefined && this.slots.get(sandboxId) === slot) this.forget(sandboxId);
      throw error;
    }
    if (slot.isClosed) throw closedError(sandboxId);
    return slot.ports;
  }

  portsOf(sandboxId: string): ResolverPorts | undefined {
    return this.slots.get(sandboxId)?.ports;
  }

  /** Ensures that the sandbox is not served. Its namespace may be gone already. */
  async close(sandboxId: string): Promise<void> {
    if (!this.slots.has(sandboxId)) return;
    this.forget(sandboxId);
    await this.engine.current?.closeSandbox(sandboxId).catch(() => undefined);
  }

  /** Ensures that of what an earlier agent had served, only these sandboxes still are. */
  async retain(sandboxIds: ReadonlySet<string>): Promise<void> {
    if (!this.engine.isThere) return;
    const link = await this.engine.ready();
    const others = link.welcome.sandboxIds.filter(
      (id) => !sandboxIds.has(id) && !this.slots.has(id),
    );
    await Promise.all(others.map((id) => link.closeSandbox(id)));
  }

  /** Lets go of the engine, which goes on answering. */
  async detach(): Promise<void> {
    this.isClosed = true;
    for (const slot of this.slots.values()) slot.outside.close();
    await this.engine.close();
  }

  /** Ends the engine as well: nobody is served any more. */
  async shutDown(): Promise<void> {
    await this.detach();
    await stopEngine(this.options.place);
  }

  /** For `hawser_dns_queries_total`: queries of all sandboxes, past ones included. */
  snapshot(): readonly QueryCount[] {
    return readCounters(countersPathOf(this.options.place));
  }

  private place(sandboxId: string, options: SandboxOptions): Slot {
    const known = this.slots.get(sandboxId);
    const client = { ...options, sandboxId };
    if (known?.options.networkNamespacePath === options.networkNamespacePath) {
      known.options = options;
      known.outside.client = client;
      return known;
    }
    known?.outside.close();
    const outside = this.outsideOf(client, options.networkNamespacePath);
    const slot = { options, outside, ports: known?.ports, isClosed: false };
    this.slots.set(sandboxId, slot);
    return slot;
  }

  private forget(sandboxId: string): void {
    const slot = this.slots.get(sandboxId);
    if (slot === undefined) return;
    slot.isClosed = true;
    slot.outside.close();
    this.slots.delete(sandboxId);
  }

  /** An engine that ends meanwhile is started again, and asked again. */
  private async openSlot(sandboxId: string, slot: Slot): Promise<ResolverPorts> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const link = await this.engine.ready();
        if (slot.isClosed) throw closedError(sandboxId);
        return await this.openIn(link, sandboxId, slot);
      } catch (error) {
        const isGone = error instanceof ResolverError && error.detail.code === 'engine-gone';
        if (!isGone || this.isClosed || attempt === OPEN_ATTEMPTS_MAX) throw error;
      }
    }
  }

  private openIn(link: EngineLink, sandboxId: string, slot: Slot): Promise<ResolverPorts> {
    const { networkNamespacePath: namespacePath, asker } = slot.options;
    const { hasNdots, networks } = asker;
    return link.open({
      sandboxId,
      namespacePath,
      networks,
      flags: encodeAsker({ hasNdots, mode: this.mode }),
      ports: slot.ports ?? { udpPort: 0, tcpPort: 0 },
    });
  }

  private async catchUp(link: EngineLink): Promise<void> {
    link.onQuery = (query) => void this.forward(link, query);
    this.published = new Map();
    await this.publish(link);
    const served = [...this.slots].filter(([, slot]) => slot.ports !== undefined);
    await Promise.all(served.map(([id, slot]) => this.reopen(link, id, slot)));
  }

  private async reopen(link: EngineLink, sandboxId: string, slot: Slot): Promise<void> {
    const { logger } = this.options;
    const before = slot.ports;
    try {
      slot.ports = await this.openIn(link, sandboxId, slot);
    } catch (error) {
      if (!link.isOpen) throw error;
      logger.warn({ sandboxId, error: String(error) }, 'names are not served in a sandbox');
      return;
    }
    const { udpPort, tcpPort } = slot.ports;
    if (before?.udpPort !== udpPort || before.tcpPort !== tcpPort) this.onPortsChanged();
  }

  private async forward(link: EngineLink, query: HandedQuery): Promise<void> {
    const outside = this.slots.get(query.sandboxId)?.outside;
    if (outside === undefined) return;
    const { outcome, reply } = await outside.ask(query.bytes, query.transport);
    if (!this.isClosed) link.answer(query.id, outcome, reply);
  }

  /** Takes what changes in the meantime along, and leaves time for other things. */
  private async publishSoon(): Promise<void> {
    const { clock } = this.options;
    const waitMs = this.publishAtMs - clock.monotonicMs();
    await new Promise<void>((resolve) => {
      if (waitMs > 0) setTimeout(resolve, waitMs);
      else setImmediate(resolve);
    });
    this.publishing = undefined;
    const link = this.engine.current;
    if (link !== undefined) await this.publish(link).catch(() => undefined);
  }

  /** Sends what the engine has not; resolves when it answers from it. */
  private async publish(link: EngineLink): Promise<void> {
    const { names, published } = this;
    if (names === undefined) return;
    const { clock } = this.options;
    const beganMs = clock.monotonicMs();
    const ids: NetworkId[] = [];
    for (const [id, network] of names.entries()) {
      ids.push(id);
      if (published.get(id) === network) continue;
      link.table(id, encodeNetworkTable(network, names.ttlSeconds));
      published.set(id, network);
    }
    for (const id of published.keys()) if (!names.network(id)) published.delete(id);
    const tookMs = clock.monotonicMs() - beganMs;
    this.publishAtMs = beganMs + PUBLISHING_SHARE * tookMs;
    await link.keep(ids);
  }

  private outsideOf(client: Client, namespacePath: string): Outside {
    const { upstreamTimeoutMs: timeoutMs, inFlightMax, nextServerAfterMs } = this.limits;
    const { sockets, clock, logger } = this.options;
    const asks = new UpstreamClient({ namespacePath, sockets, timeoutMs });
    const { budget } = this;
    const forwarder = new Forwarder({ client: asks, budget, inFlightMax, nextServerAfterMs });
    return new Outside(client, { names: () => this.names, forwarder, clock, logger });
  }
}

function closedError(sandboxId: string): ResolverError {
  return new ResolverError({ code: 'closed', sandboxId }, `resolver of ${sandboxId} was closed`);
}
