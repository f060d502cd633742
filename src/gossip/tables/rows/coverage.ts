/**
 * Through which of an owner's times a replica knows everything.
 *
 * A span `(since, through]` says: of all keys whose newest version was written in it, that version
 * is here, or a newer one is on its way. Spans come with gossip in any order and may be lost; those
 * that touch become one, and the one that begins at 0 ends at the mark.
 */
import { NO_TIME, type LamportTime } from './row.ts';

interface Span {
  since: LamportTime;
  through: LamportTime;
}

/** More gaps than a burst of reordered gossip leaves. Forgetting a span costs bytes, no more. */
const SPANS_MAX = 32;

export class Coverage {
  private reached: LamportTime = NO_TIME;
  /** Beyond the mark, ascending; between any two lies a gap. */
  private spans: Span[] = [];

  /** Everything up to here is known. */
  get mark(): LamportTime {
    return this.reached;
  }

  add(since: LamportTime, through: LamportTime): void {
    if (through <= since || through <= this.reached) return;
    const merged: Span = { since, through };
    const apart: Span[] = [];
    for (const span of this.spans) {
      if (span.through < merged.since || span.since > merged.through) apart.push(span);
      else {
        merged.since = Math.min(merged.since, span.since) as LamportTime;
        merged.through = Math.max(merged.through, span.through) as LamportTime;
      }
    }
    if (merged.since <= this.reached) this.reached = merged.through;
    else apart.push(merged);
    this.spans = apart.sort((a, b) => a.since - b.since).slice(0, SPANS_MAX);
  }
}
