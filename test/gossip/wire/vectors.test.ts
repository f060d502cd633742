/**
 * The bytes of every message, pinned: a release that writes others would not be understood by
 * those before it. `HAWSER_REWRITE_VECTORS=1` writes what comes out, to be read in the diff; that
 * is right for new messages, and for no other line.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { packageRoot } from '../../../src/base/index.ts';
import { decodeFrame } from '../../../src/gossip/wire/decode.ts';
import { hashOf } from '../../../src/gossip/members/hash.ts';
import { encodeFrame } from '../support/frames.ts';
import { SAMPLES } from './samples.ts';

const PATH = join(packageRoot(import.meta.dirname), 'test/gossip/wire/vectors.json');

interface Vectors {
  readonly frames: Readonly<Record<string, string>>;
  readonly hashes: Readonly<Record<string, number>>;
}

const HASHED = ['a', 'n1', '0123456789abcdefghijklmno', '~'.repeat(64)];

function written(): Vectors {
  const frames: Record<string, string> = {};
  const hashes: Record<string, number> = {};
  for (const [name, messages] of Object.entries(SAMPLES))
    frames[name] = Buffer.from(encodeFrame(messages)).toString('hex');
  for (const id of HASHED) hashes[id] = hashOf(id);
  return { frames, hashes };
}

function committed(): Vectors {
  return JSON.parse(readFileSync(PATH, 'utf8')) as Vectors;
}

if (process.env['HAWSER_REWRITE_VECTORS'] === '1')
  writeFileSync(PATH, `${JSON.stringify(written(), undefined, 2)}\n`);

test('frames are written as the vectors have them', (t) => {
  t.deepEqual(written().frames, committed().frames);
});

test('hashes of ids, which travel, are as the vectors have them', (t) => {
  t.deepEqual(written().hashes, committed().hashes);
});

for (const [name, hex] of Object.entries(committed().frames)) {
  test(`the vector ${name} reads as its message`, (t) => {
    const { messages, unknown } = decodeFrame(Buffer.from(hex, 'hex'));
    t.deepEqual(messages, SAMPLES[name]);
    t.is(unknown, 0);
  });
}
