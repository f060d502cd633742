import { ACCUSERS_MAX, type MemberHash } from '../wire/messages.ts';

export interface SuspicionLimits {
  /** How long a suspect has when enough others confirm. */
  readonly minMs: number;
  /** How long when nobody does. */
  readonly maxMs: number;
  /** Confirmations by others that bring the time down to `minMs`; below `ACCUSERS_MAX`. */
  readonly confirmations: number;
}

/**
 * One suspicion of one incarnation (Lifeguard, section IV.B): it begins long, since the accuser may
 * be the slow one, and each further accuser shortens it, the first ones most.
 */
export class Suspicion {
  private readonly limits: SuspicionLimits;
  private readonly from: MemberHash[];
  private startedMs: number;
  /** When the suspect was asked once more, shortly before the end. */
  warnedAtMs: number | undefined;

  constructor(accuser: MemberHash, limits: SuspicionLimits, nowMs: number) {
    this.limits = limits;
    this.from = [accuser];
    this.startedMs = nowMs;
  }

  /** Who accuses, each once, the first first. */
  get accusers(): readonly MemberHash[] {
    return this.from;
  }

  /** When the suspect is declared dead unless it refutes. */
  get deadlineMs(): number {
    return this.startedMs + timeoutMs(this.limits, this.from.length - 1);
  }

  /** Whether `accuser` is a new one, and one more is worth something. */
  confirm(accuser: MemberHash): boolean {
    const { confirmations } = this.limits;
    if (this.from.length > Math.min(confirmations, ACCUSERS_MAX - 1)) return false;
    if (this.from.includes(accuser)) return false;
    this.from.push(accuser);
    return true;
  }

  /** The time during which nobody here could have heard a refutation does not count. */
  postpone(ms: number): void {
    this.startedMs += ms;
    this.warnedAtMs = undefined;
  }
}

/**
 * `max - (max - min) * log(c + 1) / log(k + 1)`, for `c` of `k` confirmations (Lifeguard, section
 * IV.B); `min` when none is to be had.
 */
function timeoutMs(limits: SuspicionLimits, confirmations: number): number {
  const { minMs, maxMs, confirmations: wanted } = limits;
  if (confirmations >= wanted) return minMs;
  const share = Math.log(confirmations + 1) / Math.log(wanted + 1);
  return Math.floor(maxMs - (maxMs - minMs) * share);
}
