/**
 * Passes one container's questions on to its upstreams.
 *
 * Servers are tried in order. The next one is asked when one fails or refuses, and also when it
 * merely takes long; the first answer counts. Questions alike to the last byte share one exchange,
 * so a loop through a forwarder that this container runs for the host ends at its first repetition;
 * one whose questions differ a little each time ends at `VARIANTS_MAX`.
 */
import { Rcode, decodeHeader, questionEnd, type Upstream } from '../../dns/index.ts';
import type { Transport, UpstreamClient } from './upstream-client.ts';

/**
 * Different questions for one name and type that may be under way: EDNS cookies and letter case
 * differ.
 */
const VARIANTS_MAX = 64;

export type ForwardResult =
  | { readonly kind: 'answer'; readonly bytes: Uint8Array }
  /** No upstream answered. */
  | { readonly kind: 'failed' }
  /** Too many are under way. */
  | { readonly kind: 'refused' };

/** How many questions a whole node may have under way: each takes a socket. */
export class ForwardBudget {
  readonly max: number;
  inFlight = 0;

  constructor(max: number) {
    this.max = max;
  }

  get isSpent(): boolean {
    return this.inFlight >= this.max;
  }
}

export interface ForwarderOptions {
  readonly client: UpstreamClient;
  readonly budget: ForwardBudget;
  readonly inFlightMax: number;
  /** How long a server may be silent before the next one is asked as well. */
  readonly nextServerAfterMs: number;
}

interface Flight {
  readonly result: Promise<ForwardResult>;
}

export class Forwarder {
  private readonly options: ForwarderOptions;
  private readonly flights = new Map<string, Flight>();
  /** Flights by what they ask, letter case aside. */
  private readonly variants = new Map<string, number>();
  private readonly underWay = new Set<AbortController>();
  private isClosed = false;
  private waiting = 0;

  constructor(options: ForwarderOptions) {
    this.options = options;
  }

  /** Questions whose clients wait. */
  get inFlight(): number {
    return this.waiting;
  }

  /** `query` has exactly one question. Never rejects. */
  async forward(
    query: Uint8Array,
    transport: Transport,
    upstreams: readonly Upstream[],
  ): Promise<ForwardResult> {
    if (upstreams.length === 0 || this.isClosed) return { kind: 'failed' };
    if (this.waiting >= this.options.inFlightMax) return { kind: 'refused' };
    this.waiting += 1;
    try {
      const key = `${transport}/${textOf(query.subarray(2))}`;
      const flight = this.flights.get(key);
      return await (flight ? flight.result : this.fly(key, { query, transport, upstreams }));
    } finally {
      this.waiting -= 1;
    }
  }

  close(): void {
    this.isClosed = true;
    for (const flight of this.underWay) flight.abort();
  }

  private async fly(key: string, request: Request): Promise<ForwardResult> {
    const { budget } = this.options;
    const asked = textOf(request.query.subarray(12, questionEnd(request.query))).toLowerCase();
    const variants = this.variants.get(asked) ?? 0;
    if (budget.isSpent || variants >= VARIANTS_MAX) return { kind: 'refused' };
    budget.inFlight += 1;
    this.variants.set(asked, variants + 1);
    const result = this.askInTurn(request);
    this.flights.set(key, { result });
    try {
      return await result;
    } finally {
      budget.inFlight -= 1;
      this.flights.delete(key);
      this.forgetVariant(asked);
    }
  }

  private forgetVariant(asked: string): void {
    const left = (this.variants.get(asked) ?? 1) - 1;
    if (left === 0) this.variants.delete(asked);
    else this.variants.set(asked, left);
  }

  private async askInTurn(request: Request): Promise<ForwardResult> {
    const enough = new AbortController();
    this.underWay.add(enough);
    const { signal } = enough;
    const attempts = request.upstreams.map(
      (upstream) => async (): Promise<Uint8Array | undefined> => {
        const { query, transport } = request;
        const bytes = await this.options.client.ask({ query, transport, upstream, signal });
        return bytes !== undefined && isUsable(bytes) ? bytes : undefined;
      },
    );
    const bytes = await firstOf(attempts, this.options.nextServerAfterMs);
    this.underWay.delete(enough);
    enough.abort();
    return bytes === undefined ? { kind: 'failed' } : { kind: 'answer', bytes };
  }
}

interface Request {
  readonly query: Uint8Array;
  readonly transport: Transport;
  readonly upstreams: readonly Upstream[];
}

function isUsable(answer: Uint8Array): boolean {
  const { rcode } = decodeHeader(answer);
  return rcode !== Rcode.SERVFAIL && rcode !== Rcode.REFUSED;
}

/**
 * The first value any attempt gives. The next attempt begins when one gives none, or after
 * `nextAfterMs`.
 */
function firstOf<Value>(
  attempts: readonly (() => Promise<Value | undefined>)[],
  nextAfterMs: number,
): Promise<Value | undefined> {
  return new Promise((resolve) => {
    let begun = 0;
    let running = 0;
    let timer: NodeJS.Timeout | undefined;
    const finish = (value: Value | undefined): void => {
      clearTimeout(timer);
      begun = attempts.length;
      resolve(value);
    };
    const begin = (): void => {
      clearTimeout(timer);
      const attempt = attempts[begun];
      if (attempt === undefined) {
        if (running === 0) finish(undefined);
        return;
      }
      begun += 1;
      running += 1;
      if (begun < attempts.length) timer = setTimeout(begin, nextAfterMs);
      void attempt().then((value) => {
        running -= 1;
        if (value === undefined) begin();
        else finish(value);
      });
    };
    begin();
  });
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
