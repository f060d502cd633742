import { messageOf, type Clock, type Logger, type Rng } from '../../base/index.ts';
import { buildNames, type Names, type NamesMode } from '../../dns/index.ts';
import type { NodeView } from '../../model/index.ts';
import { ResolverError } from './errors.ts';
import { ForwardBudget, Forwarder } from './forwarder.ts';
import { QueryCounters, type QueryCount } from './query-counters.ts';
import { QueryHandler, type Client } from './query-handler.ts';
import { closeFds, type ResolverSockets } from './resolver-sockets.ts';
import { TCP_LIMITS, TcpServer, type TcpLimits } from './tcp-server.ts';
import { UdpServer } from './udp-server.ts';
import { UpstreamClient } from './upstream-client.ts';

export interface ResolverLimits {
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
  readonly tcp: TcpLimits;
}

export const RESOLVER_LIMITS: ResolverLimits = {
  inFlightMax: 1024,
  inFlightNodeMax: 8192,
  upstreamTimeoutMs: 4000,
  nextServerAfterMs: 1000,
  tcp: TCP_LIMITS,
};

export interface ResolverOptions {
  readonly sockets: ResolverSockets;
  readonly rng: Rng;
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
export interface ResolverPorts {
  readonly udpPort: number;
  readonly tcpPort: number;
}

interface OpenSandbox {
  readonly ports: ResolverPorts;
  readonly handler: QueryHandler;
  readonly namespacePath: string;
  close(): void;
}

type NamedSandbox = SandboxOptions & { readonly sandboxId: string };

/** A sandbox from its first `open` to its `close`; each open goes on where the last one ended. */
interface Slot {
  isClosed: boolean;
  last: Promise<OpenSandbox> | undefined;
}

/** Serves names in every sandbox of the node. */
export class Resolver {
  private readonly options: ResolverOptions;
  private readonly limits: ResolverLimits;
  private readonly budget: ForwardBudget;
  private readonly counters = new QueryCounters();
  private readonly slots = new Map<string, Slot>();
  private names: Names | undefined;
  private isClosed = false;

  constructor(options: ResolverOptions) {
    this.options = options;
    this.limits = { ...RESOLVER_LIMITS, ...options.limits };
    this.budget = new ForwardBudget(this.limits.inFlightNodeMax);
  }

  /**
   * Answers from this view from here on. Before the first one, queries are left without a reply.
   */
  update(view: NodeView): void {
    const mode = this.options.mode ?? 'default';
    this.names = buildNames(view, { mode, ...(this.names ? { previous: this.names } : {}) });
  }

  /**
   * Ensures that the sandbox is served, and returns the ports. For one that is served already,
   * networks and upstreams are replaced and the ports stay. Throws `ResolverError`; nothing is left
   * open then.
   */
  async open(sandboxId: string, options: SandboxOptions): Promise<ResolverPorts> {
    if (this.isClosed) throw closedError(sandboxId);
    const slot = this.slots.get(sandboxId) ?? { isClosed: false, last: undefined };
    this.slots.set(sandboxId, slot);
    const opening = this.reopen(slot.last, { sandboxId, ...options });
    slot.last = opening;
    try {
      const { ports } = await opening;
      if (!slot.isClosed) return ports;
    } catch (error) {
      if (slot.last === opening && !slot.isClosed) this.slots.delete(sandboxId);
      throw error;
    }
    throw closedError(sandboxId);
  }

  /** Ensures that the sandbox is not served. Its namespace may be gone already. */
  async close(sandboxId: string): Promise<void> {
    const slot = this.slots.get(sandboxId);
    if (slot === undefined) return;
    slot.isClosed = true;
    this.slots.delete(sandboxId);
    const sandbox = await slot.last?.catch(() => undefined);
    sandbox?.close();
  }

  async closeAll(): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.slots.keys()].map((sandboxId) => this.close(sandboxId)));
  }

  /** For `hawser_dns_queries_total`: queries of all sandboxes, past ones included. */
  snapshot(): readonly QueryCount[] {
    return this.counters.snapshot();
  }

  /**
   * Goes on with what the open before this one made, unless that failed or the namespace is
   * another.
   */
  private async reopen(
    earlier: Promise<OpenSandbox> | undefined,
    options: NamedSandbox,
  ): Promise<OpenSandbox> {
    const known = await earlier?.catch(() => undefined);
    if (known?.namespacePath === options.networkNamespacePath) {
      known.handler.client = options;
      return known;
    }
    known?.close();
    return this.serve(options);
  }

  private async serve(options: NamedSandbox): Promise<OpenSandbox> {
    const { sandboxId, networkNamespacePath: namespacePath } = options;
    const forwarder = this.forwarderIn(namespacePath);
    const handler = new QueryHandler(options, this.handlerOptions(forwarder));
    try {
      const { ports, servers } = await this.listen(namespacePath, handler);
      const close = (): void => [...servers, forwarder].forEach((part) => part.close());
      return { ports, handler, namespacePath, close };
    } catch (error) {
      throw new ResolverError(
        { code: 'sockets', sandboxId, namespacePath },
        `cannot serve names in ${namespacePath}: ${messageOf(error)}`,
        error,
      );
    }
  }

  private async listen(
    namespacePath: string,
    handler: QueryHandler,
  ): Promise<{ ports: ResolverPorts; servers: readonly { close(): void }[] }> {
    const { udpFd, udpPort, tcpFd, tcpPort } = this.options.sockets.openServer(namespacePath);
    let udp: UdpServer | undefined;
    try {
      udp = UdpServer.adopt(udpFd, handler);
      const tcp = await TcpServer.adopt(tcpFd, handler, this.limits.tcp);
      return { ports: { udpPort, tcpPort }, servers: [udp, tcp] };
    } catch (error) {
      if (udp === undefined) closeFds([tcpFd]);
      else udp.close();
      throw error;
    }
  }

  private forwarderIn(namespacePath: string): Forwarder {
    const { upstreamTimeoutMs: timeoutMs, inFlightMax, nextServerAfterMs } = this.limits;
    const { sockets } = this.options;
    const client = new UpstreamClient({ namespacePath, sockets, timeoutMs });
    return new Forwarder({ client, budget: this.budget, inFlightMax, nextServerAfterMs });
  }

  private handlerOptions(forwarder: Forwarder): ConstructorParameters<typeof QueryHandler>[1] {
    const { rng, clock, logger } = this.options;
    return { names: () => this.names, forwarder, counters: this.counters, rng, clock, logger };
  }
}

function closedError(sandboxId: string): ResolverError {
  return new ResolverError({ code: 'closed', sandboxId }, `resolver of ${sandboxId} was closed`);
}
