/** What lies between two long lists that are nearly the same. */

/** How far apart the lists may be where they go on alike. */
const AHEAD_MAX = 32;

export interface ListChanges<Item> {
  readonly gone: Item[];
  readonly come: Item[];
}

/**
 * Items of one list that are not in the other, by identity; one that moved may be in both. Costs a
 * comparison for each item where few come and go, wherever in the lists that is.
 */
export function changes<Item>(before: readonly Item[], after: readonly Item[]): ListChanges<Item> {
  const gone: Item[] = [];
  const come: Item[] = [];
  let was = 0;
  let is = 0;
  while (was < before.length && is < after.length) {
    if (before[was] === after[is]) {
      was += 1;
      is += 1;
      continue;
    }
    const gap = gapBetween({ list: before, at: was }, { list: after, at: is });
    if (gap === undefined) break;
    for (const end = was + gap.gone; was < end; was += 1) gone.push(before[was] as Item);
    for (const end = is + gap.come; is < end; is += 1) come.push(after[is] as Item);
  }
  const rest = restOf(before.slice(was), after.slice(is));
  return { gone: gone.concat(rest.gone), come: come.concat(rest.come) };
}

interface Place<Item> {
  readonly list: readonly Item[];
  readonly at: number;
}

/** How many items of each lie before the lists go on alike; `undefined` when that is far. */
function gapBetween<Item>(
  before: Place<Item>,
  after: Place<Item>,
): { readonly gone: number; readonly come: number } | undefined {
  for (let both = 1; both <= AHEAD_MAX; both += 1)
    for (let gone = 0; gone <= both; gone += 1) {
      const item = before.list[before.at + gone];
      if (item !== undefined && item === after.list[after.at + both - gone])
        return { gone, come: both - gone };
    }
  return undefined;
}

function restOf<Item>(before: readonly Item[], after: readonly Item[]): ListChanges<Item> {
  if (before.length === 0 || after.length === 0) return { gone: [...before], come: [...after] };
  const was = new Set(before);
  const is = new Set(after);
  return {
    gone: before.filter((item) => !is.has(item)),
    come: after.filter((item) => !was.has(item)),
  };
}
