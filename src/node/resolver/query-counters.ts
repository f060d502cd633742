import { RecordType } from '../../dns/index.ts';

/** What became of a query. */
const OUTCOMES = [
  /** From the node's own names, with records. */
  'answered',
  /** The name is known here, but not with this type. */
  'nodata',
  'nxdomain',
  /** An upstream's answer was passed on, whatever it says. */
  'forwarded',
  /** SERVFAIL: no upstream answered, or none may be asked. */
  'failed',
  /** REFUSED: too many in flight. */
  'refused',
  /** FORMERR, NOTIMP or BADVERS. */
  'malformed',
  /** No reply at all: not a query, or no names are known yet. */
  'dropped',
] as const;

export type QueryOutcome = (typeof OUTCOMES)[number];

const TYPE_NAMES = [...Object.keys(RecordType), 'other'];
const TYPE_INDEX = new Map<number, number>(
  Object.values(RecordType).map((type, index) => [type, index]),
);

export interface QueryCount {
  /** `A`, `AAAA`, …; `other` for what has no name here or could not be read. */
  readonly type: string;
  readonly outcome: QueryOutcome;
  readonly count: number;
}

/** Counts queries by type and outcome in a flat array, since queries are many and scrapes few. */
export class QueryCounters {
  private readonly counts = new Float64Array(TYPE_NAMES.length * OUTCOMES.length);

  count(type: number | undefined, outcome: QueryOutcome): void {
    const row = TYPE_INDEX.get(type ?? -1) ?? TYPE_NAMES.length - 1;
    const index = row * OUTCOMES.length + OUTCOMES.indexOf(outcome);
    this.counts[index] = (this.counts[index] as number) + 1;
  }

  /** Those that are not zero. */
  snapshot(): readonly QueryCount[] {
    return TYPE_NAMES.flatMap((type, row) =>
      OUTCOMES.map((outcome, column) => ({
        type,
        outcome,
        count: this.counts[row * OUTCOMES.length + column] as number,
      })),
    ).filter(({ count }) => count > 0);
  }
}
