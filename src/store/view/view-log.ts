import type { NetworkId, NodeId, Revision, ViewKey } from '../../model/index.ts';

/**
 * What may look different since `revision`: one row; or everything on a network, for the node that
 * gained or lost it, or for all.
 */
export type ViewNote =
  | { readonly revision: Revision; readonly key: ViewKey }
  | {
      readonly revision: Revision;
      readonly networkId: NetworkId;
      readonly nodeId?: NodeId | undefined;
    };

/** Who is further behind than this has to look at everything. */
const NOTES_MAX = 50_000;

/** The last changes of views, in the order of their revisions. */
export class ViewLog {
  private notes: ViewNote[] = [];
  /** Everything after this revision is noted. */
  private since: Revision;

  /** What was before the state had revision `since` is not known. */
  constructor(since: Revision) {
    this.since = since;
  }

  add(note: ViewNote): void {
    if (note.revision <= this.since) return;
    this.notes.push(note);
    if (this.notes.length > 2 * NOTES_MAX) this.forget(this.notes.length - NOTES_MAX);
  }

  /** Notes of revisions after `revision`; undefined when some of them are forgotten. */
  after(revision: Revision): readonly ViewNote[] | undefined {
    if (revision < this.since) return undefined;
    return this.notes.slice(this.firstAfter(revision));
  }

  private forget(count: number): void {
    this.since = this.notes[count - 1]?.revision ?? this.since;
    this.notes = this.notes.slice(this.firstAfter(this.since));
  }

  private firstAfter(revision: Revision): number {
    let low = 0;
    let high = this.notes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.notes[middle]?.revision ?? Infinity) > revision) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
