/**
 * One look at the way to one peer, as a machine that asks for probes and is told of echoes.
 *
 *   Greeting -> Sizing -> Whole -> done
 *
 * Greeting sends small probes, some with a UDP checksum and some without: those without pass where
 * a network card spoils checksums within tunnels. Sizing looks for the largest packet that passes
 * undivided. Whole sends packets of that size, and of odd ones, with checksums. Sizes are those of
 * inner IP packets. A probe that is not answered within the time of its step is lost.
 */
import { VXLAN_BYTES } from '../make.ts';

/** What the tunnel adds to a probe; VTEPs have IPv4 addresses. */
export const TUNNEL_BYTES = VXLAN_BYTES[4];

/** Answered by the peer with an echo of a few bytes, without a checksum. */
export interface Probe {
  readonly id: number;
  /** Of the inner IP packet, headers included. */
  readonly bytes: number;
  /** Sent with a UDP checksum. */
  readonly isSummed: boolean;
}

export interface Echo {
  readonly id: number;
  /** Whether the probe arrived as it was sent. */
  readonly isIntact: boolean;
  /** The peer's wall clock, milliseconds since the epoch. */
  readonly peerWallMs: number;
}

/** When something happened, by this node's two clocks. */
export interface Moment {
  readonly nowMs: number;
  readonly wallMs: number;
}

export interface TrialResult {
  /** Of the small probes, in percent: whether with a checksum or without. */
  readonly summedLossPercent: number;
  readonly bareLossPercent: number;
  /** Largest outer IP packet that passes undivided; absent when nothing passes. */
  readonly pathMtu?: number;
  /** Large packets with checksums: sent, and arrived. */
  readonly largeSent: number;
  readonly largeArrived: number;
  readonly corrupt: number;
  readonly roundTripMs?: number;
  /** The peer's clock less this node's, good to half a round trip. */
  readonly clockOffsetMs?: number;
}

interface Pending {
  readonly probe: Probe;
  readonly sent: Moment;
}

type Step =
  | { readonly kind: 'greeting' }
  /** `low` passes, `high` does not. */
  | { readonly kind: 'sizing'; readonly low: number; readonly high: number; readonly size: number }
  | { readonly kind: 'whole'; readonly size: number }
  | { readonly kind: 'done' };

export const GREETINGS = 4;
/** Odd, so that checksums have a byte to pad. */
const GREETING_BYTES = 101;
const COPIES = 3;
const STEP_MS = 700;
/** A path of 1,500 bytes, the usual one, and the longest that is looked for. */
const USUAL_BYTES = 1500 - TUNNEL_BYTES;
export const PROBE_BYTES_MAX = 9000 - TUNNEL_BYTES;
const ODD_BYTES = 1001;

export class Trial {
  private step: Step = { kind: 'greeting' };
  private stepEndsMs = 0;
  private readonly pending = new Map<number, Pending>();
  private readonly outbox: Probe[] = [];
  private readonly takeId: () => number;
  private readonly passed = { summed: 0, bare: 0, large: 0 };
  private largeSent = 0;
  private corrupt = 0;
  private quickest: { readonly roundTripMs: number; readonly offsetMs: number } | undefined;
  private pathMtu: number | undefined;

  constructor(takeId: () => number, at: Moment) {
    this.takeId = takeId;
    for (let count = 0; count < GREETINGS; count += 1) {
      this.send(at, GREETING_BYTES, true);
      this.send(at, GREETING_BYTES, false);
    }
  }

  get isDone(): boolean {
    return this.step.kind === 'done';
  }

  get wakeMs(): number {
    return this.stepEndsMs;
  }

  drain(): Probe[] {
    return this.outbox.splice(0);
  }

  /** What is not a probe of this step is passed over. */
  answered(echo: Echo, at: Moment): void {
    const known = this.pending.get(echo.id);
    if (known === undefined) return;
    this.pending.delete(echo.id);
    if (!echo.isIntact) this.corrupt += 1;
    else this.count(known, echo, at);
    if (this.step.kind === 'sizing' && echo.isIntact) this.sized(true, at);
    else if (this.pending.size === 0) this.advance(at);
  }

  /** Ends a step whose time is over. */
  tick(at: Moment): void {
    if (!this.isDone && at.nowMs >= this.stepEndsMs) this.advance(at);
  }

  result(): TrialResult {
    const lost = (passed: number): number => Math.round((1 - passed / GREETINGS) * 100);
    return {
      summedLossPercent: lost(this.passed.summed),
      bareLossPercent: lost(this.passed.bare),
      ...(this.pathMtu !== undefined && { pathMtu: this.pathMtu }),
      largeSent: this.largeSent,
      largeArrived: this.passed.large,
      corrupt: this.corrupt,
      ...(this.quickest && {
        roundTripMs: this.quickest.roundTripMs,
        clockOffsetMs: this.quickest.offsetMs,
      }),
    };
  }

  private count({ probe, sent }: Pending, echo: Echo, at: Moment): void {
    if (this.step.kind === 'whole') this.passed.large += 1;
    if (this.step.kind !== 'greeting') return;
    if (probe.isSummed) this.passed.summed += 1;
    else this.passed.bare += 1;
    const roundTripMs = at.nowMs - sent.nowMs;
    if (this.quickest !== undefined && this.quickest.roundTripMs <= roundTripMs) return;
    const offsetMs = echo.peerWallMs - (sent.wallMs + at.wallMs) / 2;
    this.quickest = { roundTripMs, offsetMs };
  }

  private advance(at: Moment): void {
    if (this.step.kind === 'sizing') this.sized(false, at);
    else if (this.step.kind === 'whole') this.end();
    else if (this.passed.bare + this.passed.summed === 0) this.end();
    else this.size({ low: GREETING_BYTES, high: PROBE_BYTES_MAX + 1, size: USUAL_BYTES }, at);
  }

  private end(): void {
    this.step = { kind: 'done' };
    this.pending.clear();
  }

  private size(bounds: { low: number; high: number; size: number }, at: Moment): void {
    this.step = { kind: 'sizing', ...bounds };
    this.pending.clear();
    for (let copy = 0; copy < COPIES; copy += 1) this.send(at, bounds.size, false);
  }

  private sized(isPassed: boolean, at: Moment): void {
    if (this.step.kind !== 'sizing') return;
    const { size } = this.step;
    const low = isPassed ? size : this.step.low;
    const high = isPassed ? this.step.high : size;
    if (high - low > 1) this.size({ low, high, size: nextSize(low, high) }, at);
    else this.checkWhole(low, at);
  }

  private checkWhole(size: number, at: Moment): void {
    this.pathMtu = size + TUNNEL_BYTES;
    this.step = { kind: 'whole', size };
    this.pending.clear();
    const sizes = [size, size - 1, Math.min(ODD_BYTES, size)];
    for (const bytes of sizes) {
      this.largeSent += 2;
      this.send(at, bytes, true);
      this.send(at, bytes, true);
    }
  }

  private send(at: Moment, bytes: number, isSummed: boolean): void {
    const probe = { id: this.takeId(), bytes, isSummed };
    this.pending.set(probe.id, { probe, sent: at });
    this.outbox.push(probe);
    this.stepEndsMs = at.nowMs + STEP_MS;
  }
}

/** Paths are nearly always of a known size: the byte above it is asked for before halves are. */
function nextSize(low: number, high: number): number {
  if (low === USUAL_BYTES) return low + 1;
  if (low === USUAL_BYTES + 1 && high > PROBE_BYTES_MAX) return PROBE_BYTES_MAX;
  return Math.floor((low + high) / 2);
}
