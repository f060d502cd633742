import { assert } from '../base/index.ts';

/** What everybody may ask of a table. Rows are immutable; order is that of creation. */
export interface TableReader<Id extends string, Row> {
  readonly size: number;
  get(id: Id): Row | undefined;
  has(id: Id): boolean;
  values(): IterableIterator<Row>;
  /** Rows of that name: at most one network or service; nodes may share a hostname. */
  byName(name: string): readonly Row[];
  /**
   * Rows an operator may mean, by Docker's rule: the row of that id, else the rows of that name,
   * else all whose id starts so. More than one means that the reference is ambiguous.
   */
  lookup(reference: string): readonly Row[];
}

/** Rows by id and by name. */
export class Table<Id extends string, Row extends { readonly id: Id }> implements TableReader<
  Id,
  Row
> {
  private readonly rows = new Map<Id, Row>();
  private readonly idsByName = new KeyedIds<string, Id>();
  private readonly nameOf: (row: Row) => string;

  constructor(nameOf: (row: Row) => string) {
    this.nameOf = nameOf;
  }

  get size(): number {
    return this.rows.size;
  }

  get(id: Id): Row | undefined {
    return this.rows.get(id);
  }

  has(id: Id): boolean {
    return this.rows.has(id);
  }

  values(): IterableIterator<Row> {
    return this.rows.values();
  }

  byName(name: string): readonly Row[] {
    return this.pick(this.idsByName.get(name));
  }

  lookup(reference: string): readonly Row[] {
    const exact = this.rows.get(reference as Id);
    if (exact !== undefined) return [exact];
    const named = this.byName(reference);
    if (named.length > 0 || reference === '') return named;
    return [...this.rows.values()].filter(({ id }) => id.startsWith(reference));
  }

  /** Puts the row in place, or takes it away; returns what was there. */
  set(id: Id, row: Row | undefined): Row | undefined {
    const before = this.rows.get(id);
    if (row === undefined) this.rows.delete(id);
    else this.rows.set(id, row);
    this.reindex(before, row);
    return before;
  }

  /** Rows of ids that are known to exist. */
  protected pick(ids: Iterable<Id>): readonly Row[] {
    const rows: Row[] = [];
    for (const id of ids) {
      const row = this.rows.get(id);
      assert(row !== undefined, 'an index names rows that exist');
      rows.push(row);
    }
    return rows;
  }

  protected reindex(before: Row | undefined, after: Row | undefined): void {
    this.idsByName.move(
      (before ?? after)?.id as Id,
      before && this.nameOf(before),
      after && this.nameOf(after),
    );
  }
}

const NONE: ReadonlySet<never> = new Set();

/** A secondary index: ids under a key that is not unique. */
export class KeyedIds<Key, Id> {
  private readonly sets = new Map<Key, Set<Id>>();

  get(key: Key): ReadonlySet<Id> {
    return this.sets.get(key) ?? NONE;
  }

  move(id: Id, from: Key | undefined, to: Key | undefined): void {
    if (from === to) return;
    if (from !== undefined) this.remove(from, id);
    if (to !== undefined) this.add(to, id);
  }

  private add(key: Key, id: Id): void {
    const ids = this.sets.get(key);
    if (ids === undefined) this.sets.set(key, new Set([id]));
    else ids.add(id);
  }

  private remove(key: Key, id: Id): void {
    const ids = this.sets.get(key);
    ids?.delete(id);
    if (ids?.size === 0) this.sets.delete(key);
  }
}
