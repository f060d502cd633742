/** What becomes of one container's questions that only the outside can answer. */
import type { Clock, Logger } from '../../base/index.ts';
import {
  DnsError,
  Rcode,
  answerFor,
  readQuery,
  replyBytesMax,
  replyTo,
  type Asker,
  type Names,
  type Query,
  type QueryOutcome,
  type Transport,
  type Upstream,
} from '../../dns/index.ts';
import type { Forwarder } from './forwarder.ts';

const REFUSAL_LOG_INTERVAL_MS = 2000;

/** Who asks, and whom it may ask. Replaced whole when the container's networks change. */
export interface Client {
  readonly sandboxId: string;
  readonly asker: Asker;
  readonly upstreams: readonly Upstream[];
  /** Absent: derived from the networks (`hasWayOut`). */
  readonly hasExternalAccess?: boolean;
}

export interface OutsideOptions {
  /** As they are at the time; `undefined` before the node's view is known. */
  readonly names: () => Names | undefined;
  readonly forwarder: Forwarder;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface OutsideReply {
  readonly outcome: QueryOutcome;
  /** Empty: no reply. */
  readonly reply: Uint8Array;
}

export class Outside {
  client: Client;
  private readonly options: OutsideOptions;
  private refusalLoggedAtMs = Number.NEGATIVE_INFINITY;
  private refusals = 0;

  constructor(client: Client, options: OutsideOptions) {
    this.client = client;
    this.options = options;
  }

  /** Never rejects. */
  async ask(bytes: Uint8Array, transport: Transport): Promise<OutsideReply> {
    const reading = readQuery(bytes, transport);
    if (reading.kind !== 'query') return { outcome: 'failed', reply: new Uint8Array() };
    const { query } = reading;
    const upstreams = upstreamsFor(this.client, this.options.names());
    const result = await this.options.forwarder.forward(bytes, transport, upstreams);
    switch (result.kind) {
      case 'failed':
        return { outcome: 'failed', reply: replyTo(query, Rcode.SERVFAIL) };
      case 'refused':
        this.logRefusal();
        return { outcome: 'refused', reply: replyTo(query, Rcode.REFUSED) };
      case 'answer':
        return passed(query, result.bytes);
    }
  }

  close(): void {
    this.options.forwarder.close();
  }

  private logRefusal(): void {
    const nowMs = this.options.clock.monotonicMs();
    this.refusals += 1;
    if (nowMs - this.refusalLoggedAtMs < REFUSAL_LOG_INTERVAL_MS) return;
    const { sandboxId } = this.client;
    const fields = { sandboxId, refused: this.refusals };
    this.options.logger.warn(fields, 'too many DNS queries under way, refusing more');
    this.refusalLoggedAtMs = nowMs;
    this.refusals = 0;
  }
}

function passed(query: Query, answer: Uint8Array): OutsideReply {
  try {
    const reply = answerFor(query.bytes, answer, replyBytesMax(query));
    return { outcome: 'forwarded', reply };
  } catch (error) {
    if (!(error instanceof DnsError)) throw error;
    return { outcome: 'failed', reply: replyTo(query, Rcode.SERVFAIL) };
  }
}

/** Host servers are not asked for a container that has no way out: that would be one. */
function upstreamsFor(client: Client, names: Names | undefined): readonly Upstream[] {
  if (client.hasExternalAccess ?? hasWayOut(client.asker, names)) return client.upstreams;
  return client.upstreams.filter((upstream) => upstream.from === 'container');
}

/**
 * Whether one of its own networks leads outside, or it has none of its own and only the node's
 * gateway.
 */
function hasWayOut(asker: Asker, names: Names | undefined): boolean {
  const networks = asker.networks.map((id) => names?.network(id));
  const own = networks.filter((network) => network?.isIngress !== true);
  return own.length === 0 || own.some((network) => network?.isInternal === false);
}
