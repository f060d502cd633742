/**
 * Mutations of known messages, read by the decoder and by a node with rows: each is taken or
 * refused with a code, never anything else; nothing past its end is read (the bytes lie in the
 * middle of a larger buffer whose rest must not show), and what was accepted round-trips.
 */
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { SeededRng, randomBelow, type Rng } from '../../../../src/base/index.ts';
import type { NetworkId, NodeId } from '../../../../src/model/index.ts';
import { GossipError } from '../../../../src/gossip/errors.ts';
import type { LamportTime, Row, RowKind } from '../../../../src/gossip/tables/rows/row.ts';
import { decodeTableMessage } from '../../../../src/gossip/tables/wire/decode.ts';
import { encodeTableMessage } from '../../../../src/gossip/tables/wire/encode.ts';
import type { TableMessage } from '../../../../src/gossip/tables/wire/messages.ts';
import { bytes, contents, makeNode, nameOf, nodeId, syncNodes } from '../support.ts';
import { SAMPLES } from './samples.ts';

const ROUNDS = 30_000;
const SEEDS = [...SAMPLES.values()].map(encodeTableMessage);

function seedOf(t: { log(...values: unknown[]): void }): number {
  const given = process.env['HAWSER_FUZZ_SEED'];
  const seed = given === undefined ? Date.now() % 2 ** 31 : Number(given);
  t.log(`HAWSER_FUZZ_SEED=${seed}`);
  return seed;
}

test('mutated messages are read or refused with a code, and round-trip', (t) => {
  const seed = seedOf(t);
  const rng = new SeededRng(seed);
  let accepted = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const message = mutate(rng);
    try {
      accepted += exercise(message, rng) ? 1 : 0;
    } catch (error) {
      t.fail(`seed ${seed}, round ${round}, ${hex(message)}: ${String(error)}`);
      return;
    }
  }
  t.log(`${accepted} of ${ROUNDS} mutations were well-formed`);
  t.true(accepted > ROUNDS / 100);
});

test('no message breaks a node: its own rows stay as they are, and it goes on', (t) => {
  const seed = seedOf(t);
  const rng = new SeededRng(seed);
  const node = makeNode('alpha', ['beta']);
  const peer = makeNode('beta', ['alpha']);
  for (let key = 0; key < 5; key += 1) node.tables.put(nameOf(`own-${key}`), bytes('mine'), 0);
  const own = contents(node);
  for (let round = 0; round < ROUNDS; round += 1) {
    const message = mutate(rng);
    try {
      node.tables.take(message, nodeId('beta'), round * 10);
    } catch (error) {
      t.fail(`seed ${seed}, round ${round}, ${hex(message)}: ${String(error)}`);
      return;
    }
  }
  t.deepEqual(
    contents(node).filter((row) => row.startsWith('alpha/')),
    own,
  );
  syncNodes(peer, node, { nowMs: ROUNDS * 10 });
  t.deepEqual(
    contents(peer).filter((row) => row.startsWith('alpha/')),
    own,
  );
});

/** Of plain objects, as the decoder makes them. */
function record<Fields>(fields: {
  [Key in keyof Fields]: fc.Arbitrary<Fields[Key]>;
}): fc.Arbitrary<Fields> {
  return fc.record<Fields>(fields, { noNullPrototype: true });
}

const id = fc.string({ unit: fc.constantFrom('a', 'Z', '0', '~'), minLength: 1, maxLength: 64 });
const owner = id.map((text) => text as NodeId);
const networkId = id.map((text) => text as NetworkId);
const anyTime = fc.nat(2 ** 48 - 1).map((value) => value as LamportTime);
const row: fc.Arbitrary<Row> = record({
  kind: fc.nat(255).map((value) => value as RowKind),
  key: id,
  time: fc.integer({ min: 1, max: 2 ** 48 - 1 }).map((value) => value as LamportTime),
  value: fc.option(fc.uint8Array({ maxLength: 1024 }), { nil: undefined }),
});
const pulls = fc.array(record({ owner, since: anyTime, sweep: anyTime }), { maxLength: 5 });
const anyMessage: fc.Arbitrary<TableMessage> = fc.oneof(
  record({
    kind: fc.constant('news' as const),
    networkId,
    items: fc.array(
      fc
        .tuple(owner, row, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }))
        .map(([itemOwner, version, share]) => ({
          owner: itemOwner,
          since: Math.floor(version.time * share) as LamportTime,
          row: version,
        })),
      { maxLength: 5 },
    ),
  }),
  fc.record(
    {
      kind: fc.constant('digest' as const),
      networkId,
      entries: fc.array(
        record({ owner, mark: anyTime, count: fc.nat(), hash: fc.nat(2 ** 32 - 1) }),
        { maxLength: 5 },
      ),
      range: fc.record(
        { after: owner, through: owner },
        { requiredKeys: [], noNullPrototype: true },
      ),
    },
    { requiredKeys: ['kind', 'networkId', 'entries'], noNullPrototype: true },
  ),
  record({ kind: fc.constant('pull' as const), networkId, entries: pulls }),
  record({
    kind: fc.constant('rows' as const),
    networkId,
    rest: pulls,
    sections: fc.array(
      fc
        .tuple(owner, fc.boolean(), fc.boolean(), anyTime, anyTime, anyTime, fc.array(row))
        .map(([of, isSweep, isLast, one, other, floor, rows]) => ({
          owner: of,
          isSweep,
          since: Math.min(one, other) as LamportTime,
          through: Math.max(one, other) as LamportTime,
          floor,
          isLast,
          rows: rows.slice(0, 10),
        })),
      { maxLength: 3 },
    ),
  }),
);

test('every message is read back as it was written', (t) => {
  fc.assert(
    fc.property(anyMessage, (message) =>
      isDeepStrictEqual(decodeTableMessage(encodeTableMessage(message)), message),
    ),
    { numRuns: 500 },
  );
  t.pass();
});

function exercise(message: Uint8Array, rng: Rng): boolean {
  const padded = new Uint8Array(message.length + 64).fill(randomBelow(rng, 256));
  padded.set(message, 32);
  const decoded = tryDecode(padded.subarray(32, 32 + message.length));
  if (!isDeepStrictEqual(decoded, tryDecode(message))) throw new Error('read past the end');
  if (decoded === undefined) return false;
  if (!isDeepStrictEqual(tryDecode(encodeTableMessage(decoded)), decoded))
    throw new Error('does not round-trip');
  return true;
}

function tryDecode(message: Uint8Array): TableMessage | undefined {
  try {
    return decodeTableMessage(message);
  } catch (error) {
    if (error instanceof GossipError) return undefined;
    throw error;
  }
}

function mutate(rng: Rng): Uint8Array {
  const message = [...(SEEDS[randomBelow(rng, SEEDS.length)] as Uint8Array)];
  const edits = randomBelow(rng, 4);
  for (let edit = 0; edit <= edits; edit += 1) {
    const at = randomBelow(rng, message.length + 1);
    const kind = randomBelow(rng, 5);
    if (kind === 0) message.splice(at, 1 + randomBelow(rng, 4));
    else if (kind === 1) message.splice(at, 0, randomBelow(rng, 256));
    else if (kind === 2) message.splice(at, 1, (message[at] ?? 0) ^ (1 << randomBelow(rng, 8)));
    else message.splice(at, 1, randomBelow(rng, 256));
  }
  return Uint8Array.from(message);
}

function hex(message: Uint8Array): string {
  return Buffer.from(message).toString('hex');
}
