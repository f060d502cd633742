/** The classic bugs, each planted from outside so that the room itself stays whole. */
import type { NodeId } from '../../../../src/model/index.ts';
import { NetworkTable } from '../../../../src/gossip/tables/network-table.ts';
import { NetworkTables } from '../../../../src/gossip/tables/network-tables.ts';
import { Coverage } from '../../../../src/gossip/tables/rows/coverage.ts';
import { OwnerRows, type Offered } from '../../../../src/gossip/tables/rows/owner-rows.ts';
import { nameInOwner, type LamportTime, type Row } from '../../../../src/gossip/tables/rows/row.ts';
import { patch, type Restore } from '../../../raft/mutants/patch.ts';
import { checkMergeLaws } from '../rows/replica.ts';
import { World, type Weather } from '../sim/world.ts';

export interface Mutant {
  readonly name: string;
  readonly plant: () => Restore;
  /** Throws when something does not hold. */
  readonly check: (seed: number) => void;
}

function simulated(weather: Partial<Weather> = {}): (seed: number) => void {
  return (seed) => new World(seed, { steps: 150, nodes: 4, ...weather }).run();
}

const FORGETFUL: Partial<Weather> = { leaps: 15, restarts: 0, partitions: 40 };

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a tombstone is dropped early, and nobody remembers that it was',
    check: simulated(FORGETFUL),
    plant: () =>
      patch(
        OwnerRows.prototype,
        'forgetTombstones',
        () =>
          function (this: OwnerRows): number {
            const { rows, tombstones } = insideOf(this);
            for (const name of tombstones.keys()) rows.delete(name);
            tombstones.clear();
            return 0;
          },
      ),
  },
  {
    name: 'the clock is not bumped when a node comes back without its memory',
    check: simulated({ restarts: 10, knowTime: 0 }),
    plant: () => patch(NetworkTable.prototype, 'heal', () => () => undefined),
  },
  {
    name: 'hidden rows are deleted',
    check: simulated({ suspicions: 20 }),
    plant: () =>
      patch(
        NetworkTables.prototype,
        'hideOwner',
        (original: (owner: NodeId) => void) =>
          function (this: NetworkTables, owner: NodeId): void {
            original.call(this, owner);
            const { tables } = this as unknown as { tables: ReadonlyMap<string, NetworkTable> };
            for (const table of tables.values()) table.of(owner)?.clear();
          },
      ),
  },
  {
    name: 'of two versions with one time the last to come wins',
    check: checkMergeLaws,
    plant: () => offersOtherwise((held, row) => held?.time === row.time),
  },
  {
    name: 'what is old and not here is taken for new',
    check: simulated({ ...FORGETFUL, repeats: 300, delayStepsMax: 20 }),
    plant: () => offersOtherwise((held) => held === undefined),
  },
  {
    name: 'what was said last is taken for all that was said',
    check: simulated({ drops: 300, restarts: 0 }),
    plant: () =>
      patch(
        Coverage.prototype,
        'add',
        () =>
          function (this: { reached: number }, _since: LamportTime, through: LamportTime): void {
            this.reached = Math.max(this.reached, through);
          },
      ),
  },
  {
    name: 'a sweep keeps what it does not name',
    check: simulated(FORGETFUL),
    plant: () =>
      patch(
        OwnerRows.prototype,
        'endSweep',
        () =>
          function (this: OwnerRows, { cursor }: { readonly cursor: LamportTime }): void {
            this.cover(0 as LamportTime, cursor);
          },
      ),
  },
  {
    name: 'a sweep that was broken off ends with what another peer says',
    check: simulated({ ...FORGETFUL, messageBytesMax: 700, drops: 300, keys: 30, writes: 400 }),
    plant: () =>
      patch(
        OwnerRows.prototype,
        'goOnSweeping',
        (original: (section: object, from: NodeId) => boolean) =>
          function (this: OwnerRows, section: object, from: NodeId): boolean {
            const { sweep } = insideOf(this);
            return original.call(
              this,
              { ...section, ...(sweep && { floor: sweep.floor, since: sweep.cursor }) },
              sweep?.from ?? from,
            );
          },
      ),
  },
  {
    name: 'who left a network unheard is believed to have it',
    check: simulated({ moves: 15, partitions: 40, drops: 500 }),
    plant: () => patch(NetworkTable.prototype, 'setPresent', () => () => undefined),
  },
];

/** Takes a row also when `isWanted` says so. */
function offersOtherwise(isWanted: (held: Row | undefined, row: Row) => boolean): Restore {
  return patch(
    OwnerRows.prototype,
    'offer',
    (original: (row: Row, nowMs: number) => Offered) =>
      function (this: OwnerRows, row: Row, nowMs: number): Offered {
        const { replace, rows } = insideOf(this);
        const held = rows.get(nameInOwner(row));
        const outcome = original.call(this, row, nowMs);
        if (outcome !== 'known' || !isWanted(held, row)) return outcome;
        replace.call(this, held, row, nowMs);
        return 'new';
      },
  );
}

interface Inside {
  readonly rows: Map<string, Row>;
  readonly tombstones: Map<string, number>;
  readonly sweep?: { readonly from: NodeId; readonly floor: number; readonly cursor: number };
  readonly replace: (held: Row | undefined, row: Row, nowMs: number) => void;
}

function insideOf(rows: OwnerRows): Inside {
  return rows as unknown as Inside;
}
