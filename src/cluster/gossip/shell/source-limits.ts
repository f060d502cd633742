/**
 * How many packets each source may send: a token bucket for each address, so that a flood from one
 * costs the others nothing.
 *
 * Sources are told apart by their address, which can be forged. So those of members have buckets
 * that nobody else's fill or push out, and whoever floods in a member's name silences that member's
 * UDP at worst: its probes then go over TCP, whose source cannot be forged from afar.
 */
export interface SourceRates {
  /** Packets for each source: at once, and each second after that. */
  readonly burst: number;
  readonly perSecond: number;
  /** Strangers that are told apart; all beyond share one bucket. */
  readonly strangersMax: number;
}

/**
 * A member sends one other 10 packets a second for itself and 10 for each network with news
 * (`GossipTiming.gossipIntervalMs`), probes and relays aside: 100 networks with news at once.
 */
export const SOURCE_RATES: SourceRates = { burst: 2000, perSecond: 1000, strangersMax: 4096 };

interface Bucket {
  tokens: number;
  atMs: number;
}

export class SourceLimits {
  private readonly rates: SourceRates;
  private readonly members = new Map<string, Bucket>();
  private readonly strangers = new Map<string, Bucket>();
  private readonly shared: Bucket;

  constructor(rates: SourceRates = SOURCE_RATES) {
    this.rates = rates;
    this.shared = { tokens: rates.burst, atMs: 0 };
  }

  /** Whether another packet of the source is to be looked at. */
  allow(host: string, nowMs: number): boolean {
    const bucket = this.members.get(host) ?? this.strangerBucket(host, nowMs);
    this.fill(bucket, nowMs);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  noteMember(host: string, nowMs: number): void {
    if (this.members.has(host)) return;
    this.strangers.delete(host);
    this.members.set(host, { tokens: this.rates.burst, atMs: nowMs });
  }

  forgetMember(host: string): void {
    this.members.delete(host);
  }

  private strangerBucket(host: string, nowMs: number): Bucket {
    const known = this.strangers.get(host);
    if (known !== undefined) return known;
    if (this.strangers.size >= this.rates.strangersMax) this.forgetIdle(nowMs);
    if (this.strangers.size >= this.rates.strangersMax) return this.shared;
    const made = { tokens: this.rates.burst, atMs: nowMs };
    this.strangers.set(host, made);
    return made;
  }

  /** A bucket that is full again says no more than none. */
  private forgetIdle(nowMs: number): void {
    for (const [host, bucket] of this.strangers) {
      this.fill(bucket, nowMs);
      if (bucket.tokens >= this.rates.burst) this.strangers.delete(host);
    }
  }

  private fill(bucket: Bucket, nowMs: number): void {
    const { burst, perSecond } = this.rates;
    const gained = ((nowMs - bucket.atMs) / 1000) * perSecond;
    bucket.tokens = Math.min(burst, bucket.tokens + Math.max(0, gained));
    bucket.atMs = Math.max(bucket.atMs, nowMs);
  }
}
