/** Printing lists: as a table, as ids, as JSON or by a template. */
import type { CliContext } from '../context.ts';
import { table, type Row } from '../print/table.ts';
import { renderTemplate } from '../print/template.ts';
import type { ListOptions } from '../verbs/options.ts';

export interface Listing<T> {
  readonly header: Row;
  row(item: T): Row;
  /** What `--quiet` prints. */
  id(item: T): string;
}

export function printList<T>(
  context: CliContext,
  items: readonly T[],
  how: { readonly options: Omit<ListOptions, 'filter'>; readonly listing: Listing<T> },
): void {
  const { options, listing } = how;
  if (options.json === true) context.print(JSON.stringify(items, undefined, 2));
  else if (options.format !== undefined) {
    for (const item of items) context.print(renderTemplate(options.format, item));
  } else if (options.quiet === true) for (const item of items) context.print(listing.id(item));
  else {
    context.print(
      table(
        listing.header,
        items.map((item) => listing.row(item)),
      ),
    );
  }
}
