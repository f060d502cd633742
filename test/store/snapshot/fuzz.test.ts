import test from 'ava';
import fc from 'fast-check';
import { SnapshotError, Store } from '../../../src/store/index.ts';
import { SAMPLES } from './samples.ts';
import { runAll, snapshotOf } from './snapshots.ts';

const RUNS = Number(process.env['HAWSER_FUZZ_RUNS'] ?? 1500);

const samples = Object.values(SAMPLES).map((make) => Buffer.from(snapshotOf(make())));
const sample = fc.constantFrom(...samples);

/** Loads or refuses: never another error, and what is loaded has a snapshot that loads. */
function isHandled(bytes: Uint8Array): boolean {
  const store = new Store();
  try {
    runAll(store.loadSteps(bytes));
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    return snapshotOf(store) === snapshotOf(new Store());
  }
  const text = snapshotOf(store);
  runAll(store.loadSteps(Buffer.from(text)));
  return snapshotOf(store) === text;
}

test('any bytes are refused', (t) => {
  const property = fc.property(fc.uint8Array({ maxLength: 300 }), isHandled);
  t.notThrows(() => fc.assert(property, { numRuns: RUNS }));
});

test('changed bytes are refused, or say something else', (t) => {
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
  const changes = fc.array(change, { minLength: 1, maxLength: 4 });
  const property = fc.property(sample, changes, (bytes, list) => {
    const copy = Buffer.from(bytes);
    for (const [at, byte] of list) copy[at % copy.length] = byte;
    return isHandled(copy);
  });
  t.notThrows(() => fc.assert(property, { numRuns: RUNS }));
});

test('pieces that are left out, doubled or cut are refused, or say something else', (t) => {
  const cut = fc.tuple(fc.nat(), fc.nat(), fc.nat());
  const property = fc.property(sample, cut, (bytes, [from, to, back]) => {
    const head = bytes.subarray(0, from % bytes.length);
    return isHandled(
      Buffer.concat([head, bytes.subarray(to % bytes.length, -(back % 3) || undefined)]),
    );
  });
  t.notThrows(() => fc.assert(property, { numRuns: RUNS }));
});

const strange = fc.oneof(
  fc.constantFrom(null, true, -1, 0.5, 1e300, '', 'x', '__proto__', '0.0.0.0/0', '10.8.0.0/16'),
  fc.constantFrom([], {}, [[]], [null], { length: 3 }),
  fc.nat(20_000_000),
);

test('values of other kinds in place of some are refused, or say something else', (t) => {
  const property = fc.property(sample, fc.nat(), strange, (bytes, at, value) => {
    const lines = bytes.toString().split('\n').slice(0, -1);
    const places = lines.flatMap((line, index) => placesIn(JSON.parse(line), [index]));
    const place = places[at % places.length] ?? [0];
    const [index = 0, ...path] = place;
    lines[Number(index)] = JSON.stringify(
      replaced(JSON.parse(lines[Number(index)] ?? ''), path, value),
    );
    return isHandled(Buffer.from(`${lines.join('\n')}\n`));
  });
  t.notThrows(() => fc.assert(property, { numRuns: RUNS }));
});

type Path = readonly (string | number)[];

/** Paths of all values in a document. */
function placesIn(value: unknown, path: Path): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const inside = Object.entries(value).flatMap(([key, item]) => placesIn(item, [...path, key]));
  return [path, ...inside];
}

function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by;
  const copy = (
    Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }
  ) as Record<string | number, unknown>;
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}
