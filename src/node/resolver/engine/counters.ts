/** The engine's counters, read from the file that it keeps (`native/dns/engine/counters.h`). */
import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { QUERY_OUTCOMES, type QueryOutcome, type RecordType } from '../../../dns/index.ts';

/** Rows in the engine's order; its last is for all other types. */
const COUNTED_TYPES = [
  'A',
  'NS',
  'CNAME',
  'SOA',
  'PTR',
  'MX',
  'TXT',
  'AAAA',
  'SRV',
  'OPT',
  'HTTPS',
  'ANY',
] as const satisfies readonly (keyof typeof RecordType)[];
const ROWS = [...COUNTED_TYPES, 'other'];
const HEAD = [0x48444301, ROWS.length, QUERY_OUTCOMES.length, 0];
const HEAD_BYTES = HEAD.length * 4;
const FILE_BYTES = HEAD_BYTES + ROWS.length * QUERY_OUTCOMES.length * 8;

export interface QueryCount {
  /** `A`, `AAAA`, …; `other` for what has no name here or could not be read. */
  readonly type: string;
  readonly outcome: QueryOutcome;
  readonly count: number;
}

/** Those that are not zero; none where no engine has counted yet. */
export function readCounters(path: string): readonly QueryCount[] {
  const view = tryRead(path);
  if (view === undefined) return [];
  return ROWS.flatMap((type, row) =>
    QUERY_OUTCOMES.map((outcome, column) => ({
      type,
      outcome,
      count: Number(u64(view, HEAD_BYTES + 8 * (row * QUERY_OUTCOMES.length + column))),
    })),
  ).filter(({ count }) => count > 0);
}

const IS_LITTLE = endianness() === 'LE';
const u64 = (view: DataView, at: number): bigint => view.getBigUint64(at, IS_LITTLE);

function tryRead(path: string): DataView | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length !== FILE_BYTES) return undefined;
  const isOurs = HEAD.every((value, index) => view.getUint32(index * 4, IS_LITTLE) === value);
  return isOurs ? view : undefined;
}
