import { isSameValue, nameInOwner, type RowName } from './rows/row.ts';

/** What became of a row that readers can see. */
export type RowChange =
  | (RowName & { readonly change: 'added' | 'changed'; readonly value: Uint8Array })
  | (RowName & { readonly change: 'removed' });

interface Touched {
  readonly name: RowName;
  /** What readers saw when changes were last drained. */
  readonly before: Uint8Array | undefined;
}

/**
 * Which rows readers should look at again. One entry for each row however often it changes, so its
 * length is bounded by that of the tables, and a row that is back where it was is none.
 */
export class ChangeLog {
  private touched = new Map<string, Touched>();

  /** Told before what readers see of a row may change. */
  note(name: RowName, before: Uint8Array | undefined): void {
    const key = `${name.networkId} ${name.owner} ${nameInOwner(name)}`;
    if (!this.touched.has(key)) this.touched.set(key, { name, before });
  }

  drain(visibleValue: (name: RowName) => Uint8Array | undefined): readonly RowChange[] {
    const changes: RowChange[] = [];
    for (const { name, before } of this.touched.values()) {
      const value = visibleValue(name);
      if (isSameValue(before, value)) continue;
      if (value === undefined) changes.push({ ...name, change: 'removed' });
      else changes.push({ ...name, change: before === undefined ? 'added' : 'changed', value });
    }
    this.touched = new Map();
    return changes;
  }
}
