/** An owner's replica alone, and what it holds as texts; and the same told the dumb way. */
import fc from 'fast-check';
import type { NodeId } from '../../../../src/model/index.ts';
import { OwnerRows, type RowsHost } from '../../../../src/gossip/tables/rows/owner-rows.ts';
import { isNewer, nameInOwner, type Row } from '../../../../src/gossip/tables/rows/row.ts';
import { rowOf, text } from '../support.ts';

export const OWNER = 'owner' as NodeId;

export function replica(options: Partial<RowsHost> = {}): OwnerRows {
  const host: RowsHost = {
    rowsPerOwnerMax: 1000,
    tombstonesPerOwnerMax: 1000,
    noteChange: () => undefined,
    tryGrow: () => true,
    shrink: () => undefined,
    ...options,
  };
  return new OwnerRows(OWNER, host, 0);
}

/** `key=value@time` of all rows, `key@time` for tombstones, sorted. */
export function held(rows: OwnerRows): string[] {
  return rows
    .rowsAfter(0 as Row['time'])
    .map(described)
    .sort();
}

export function described({ key, time, value }: Row): string {
  return value === undefined ? `${key}@${time}` : `${key}=${text(value) ?? ''}@${time}`;
}

/** Of each key the newest version, found by looking at all of them. */
export function newestOf(rows: readonly Row[]): string[] {
  const newest = rows.filter((row) =>
    rows.every((other) => nameInOwner(other) !== nameInOwner(row) || !isNewer(other, row)),
  );
  return [...new Set(newest.map(described))].sort();
}

/** Few keys, times and values, so that everything collides. */
const version = fc
  .tuple(
    fc.constantFrom('a', 'b', 'c'),
    fc.integer({ min: 1, max: 6 }),
    fc.option(fc.constantFrom('', 'x', 'y'), { nil: undefined }),
  )
  .map(([key, at, value]) => rowOf(key, at, value));

/** Throws when replicas that were told the same, in any order and however often, differ. */
export function checkMergeLaws(seed: number): void {
  const told = fc
    .array(version, { maxLength: 12 })
    .chain((rows) =>
      fc.tuple(
        fc.constant(rows),
        fc.shuffledSubarray([...rows, ...rows], { minLength: rows.length * 2 }),
      ),
    );
  fc.assert(
    fc.property(told, ([rows, again]) => {
      const [one, other] = [replica(), replica()];
      for (const row of rows) one.offer(row, 0);
      for (const row of again) other.offer(row, 0);
      const expected = newestOf(rows).join();
      return (
        held(one).join() === expected &&
        held(other).join() === expected &&
        one.digestEntry().hash === other.digestEntry().hash
      );
    }),
    { seed, numRuns: 300 },
  );
}
