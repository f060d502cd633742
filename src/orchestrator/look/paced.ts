/** Tasks or groups that one step works on: about a millisecond. */
const STEP_ITEMS = 200;

/** Acts on each item, in steps. */
export function* paced<Item>(
  items: Iterable<Item>,
  act: (item: Item) => void,
): Generator<void, void> {
  let acted = 0;
  for (const item of items) {
    act(item);
    acted += 1;
    if (acted % STEP_ITEMS === 0) yield;
  }
}

/** What is made of each item, in steps. */
export function* pacedMap<Item, Result>(
  items: Iterable<Item>,
  make: (item: Item) => Result,
): Generator<void, Result[]> {
  const results: Result[] = [];
  yield* paced(items, (item) => results.push(make(item)));
  return results;
}
