/**
 * What one container's resolver does with the bytes of a query: reads them, asks the names, or the
 * upstreams, and writes the reply. Knows nothing of sockets.
 */
import type { Clock, Logger, Rng } from '../../base/index.ts';
import {
  DnsError,
  Opcode,
  Rcode,
  UDP_BYTES_ADVERTISED,
  UDP_BYTES_DEFAULT,
  answerFor,
  decodeHeader,
  decodeMessage,
  encodeMessage,
  resolve,
  type Asker,
  type Edns,
  type Header,
  type Message,
  type Names,
  type Question,
  type ResourceRecord,
  type Upstream,
} from '../../dns/index.ts';
import type { Forwarder } from './forwarder.ts';
import type { QueryCounters, QueryOutcome } from './query-counters.ts';
import type { Transport } from './upstream-client.ts';

const UDP_PAYLOAD_MAX = 65_507;
const TCP_PAYLOAD_MAX = 65_535;
/** An OPT record and a TSIG or SIG(0); more in a query is nobody's. */
const QUERY_RECORDS_MAX = 4;
const REFUSAL_LOG_INTERVAL_MS = 2000;

/**
 * Whom a handler answers, and whom it may ask. Replaced whole when the container's networks change.
 */
export interface Client {
  readonly sandboxId: string;
  readonly asker: Asker;
  readonly upstreams: readonly Upstream[];
  /** Absent: derived from the networks (`hasWayOut`). */
  readonly hasExternalAccess?: boolean;
}

export interface QueryHandlerOptions {
  /** The names as they are now; `undefined` before the node's view is known. */
  readonly names: () => Names | undefined;
  readonly forwarder: Forwarder;
  readonly counters: QueryCounters;
  readonly rng: Rng;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Query {
  readonly bytes: Uint8Array;
  readonly transport: Transport;
  readonly header: Header;
  readonly question: Question;
  readonly edns: Edns | undefined;
}

type Reply = Uint8Array | undefined;

export class QueryHandler {
  client: Client;
  private readonly options: QueryHandlerOptions;
  private refusalLoggedAtMs = Number.NEGATIVE_INFINITY;
  private refusals = 0;

  constructor(client: Client, options: QueryHandlerOptions) {
    this.client = client;
    this.options = options;
  }

  /**
   * The reply, or `undefined` when there is to be none. A promise only where somebody else is
   * asked. Never rejects.
   */
  handle(bytes: Uint8Array, transport: Transport): Reply | Promise<Reply> {
    const read = readQuery(bytes, transport);
    if (read.kind === 'drop') return this.done(undefined, 'dropped', undefined);
    if (read.kind === 'reply') return this.done(read.type, 'malformed', read.bytes);
    const { query } = read;
    const names = this.options.names();
    // A client asks again; a wrong answer it would believe.
    if (names === undefined) return this.done(query.question.type, 'dropped', undefined);
    const { asker } = this.client;
    const resolution = resolve(names, query.question, { asker, rng: this.options.rng });
    switch (resolution.kind) {
      case 'answer':
        return this.answer(query, resolution.records);
      case 'refuse':
        return this.refuse(query, resolution.rcode);
      case 'forward':
        return this.forward(query, names);
    }
  }

  private answer(query: Query, records: readonly ResourceRecord[]): Reply {
    const outcome = records.length === 0 ? 'nodata' : 'answered';
    return this.done(query.question.type, outcome, replyTo(query, Rcode.NOERROR, records));
  }

  private refuse(query: Query, rcode: number): Reply {
    const outcome = rcode === Rcode.NXDOMAIN ? 'nxdomain' : 'refused';
    return this.done(query.question.type, outcome, replyTo(query, rcode));
  }

  private async forward(query: Query, names: Names): Promise<Reply> {
    const { type } = query.question;
    const upstreams = upstreamsFor(this.client, names);
    const result = await this.options.forwarder.forward(query.bytes, query.transport, upstreams);
    switch (result.kind) {
      case 'failed':
        return this.done(type, 'failed', replyTo(query, Rcode.SERVFAIL));
      case 'refused':
        this.logRefusal();
        return this.done(type, 'refused', replyTo(query, Rcode.REFUSED));
      case 'answer':
        return this.pass(query, result.bytes);
    }
  }

  private pass(query: Query, answer: Uint8Array): Reply {
    const { type } = query.question;
    try {
      return this.done(type, 'forwarded', answerFor(query.bytes, answer, bytesMaxOf(query)));
    } catch (error) {
      if (!(error instanceof DnsError)) throw error;
      return this.done(type, 'failed', replyTo(query, Rcode.SERVFAIL));
    }
  }

  private done(type: number | undefined, outcome: QueryOutcome, reply: Reply): Reply {
    this.options.counters.count(type, outcome);
    return reply;
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

/** Host servers are not asked for a container that has no way out: that would be one. */
function upstreamsFor(client: Client, names: Names): readonly Upstream[] {
  if (client.hasExternalAccess ?? hasWayOut(client.asker, names)) return client.upstreams;
  return client.upstreams.filter((upstream) => upstream.from === 'container');
}

/**
 * Whether one of its own networks leads outside, or it has none of its own and only the node's
 * gateway.
 */
function hasWayOut(asker: Asker, names: Names): boolean {
  const networks = asker.networks.map((id) => names.network(id));
  const own = networks.filter((network) => network?.isIngress !== true);
  return own.length === 0 || own.some((network) => network?.isInternal === false);
}

type Reading =
  | { readonly kind: 'query'; readonly query: Query }
  | { readonly kind: 'reply'; readonly type: number | undefined; readonly bytes: Uint8Array }
  /** Not a query. Answering an answer would be a loop. */
  | { readonly kind: 'drop' };

function readQuery(bytes: Uint8Array, transport: Transport): Reading {
  const header = tryRead(() => decodeHeader(bytes));
  if (header === undefined || header.isResponse) return { kind: 'drop' };
  if (header.opcode !== Opcode.QUERY) return malformed(header, Rcode.NOTIMP);
  const limits = { questionsMax: 1, recordsMax: QUERY_RECORDS_MAX };
  const message = tryRead(() => decodeMessage(bytes, limits));
  const question = message?.questions[0];
  if (message === undefined || question === undefined) return malformed(header, Rcode.FORMERR);
  const query = { bytes, transport, header, question, edns: message.edns };
  if (message.edns === undefined || message.edns.version === 0) return { kind: 'query', query };
  return { kind: 'reply', type: question.type, bytes: replyTo(query, Rcode.BADVERS) };
}

function tryRead<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DnsError) return undefined;
    throw error;
  }
}

function malformed(header: Header, rcode: number): Reading {
  const nothing = { questions: [], answers: [], authorities: [], additionals: [] };
  const bytes = encodeMessage({ header: replyHeader(header, rcode), ...nothing });
  return { kind: 'reply', type: undefined, bytes };
}

function replyTo(query: Query, rcode: number, answers: readonly ResourceRecord[] = []): Uint8Array {
  const message: Message = {
    header: replyHeader(query.header, rcode),
    questions: [query.question],
    answers,
    authorities: [],
    additionals: [],
    ...(query.edns === undefined ? {} : { edns: replyEdns(query.edns) }),
  };
  return encodeMessage(message, bytesMaxOf(query));
}

function replyHeader(header: Header, rcode: number): Header {
  return {
    ...header,
    isResponse: true,
    isAuthoritative: false,
    isTruncated: false,
    isRecursionAvailable: true,
    isAuthenticData: false,
    rcode,
  };
}

function replyEdns(edns: Edns): Edns {
  return { ...edns, udpBytes: UDP_BYTES_ADVERTISED, version: 0, options: new Uint8Array() };
}

function bytesMaxOf(query: Query): number {
  if (query.transport === 'tcp') return TCP_PAYLOAD_MAX;
  const wanted = query.edns?.udpBytes ?? UDP_BYTES_DEFAULT;
  return Math.min(Math.max(wanted, UDP_BYTES_DEFAULT), UDP_PAYLOAD_MAX);
}
