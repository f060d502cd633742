import { fc, testProp } from '@fast-check/ava';
import test from 'ava';
import { execFileSync } from 'node:child_process';
import { ByteSource } from '../../../src/runtime/archive/byte-source.ts';
import { filterLayer, innerPath } from '../../../src/runtime/archive/layer-filter.ts';
import type { TarEntry } from '../../../src/runtime/archive/tar-entry.ts';
import { decodePax, readTar } from '../../../src/runtime/archive/tar-reader.ts';
import { RuntimeError } from '../../../src/runtime/index.ts';
import { tarOf, type TarPart } from '../support/tar.ts';

const LIMITS = { entriesMax: 1000, bytesMax: 1 << 20 };

async function* chunksOf(bytes: Buffer, size = 700): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function entriesOf(bytes: Buffer): Promise<(TarEntry & { content: string })[]> {
  const entries = [];
  for await (const { entry, content } of readTar(new ByteSource(chunksOf(bytes)))) {
    const parts: Buffer[] = [];
    for await (const part of content) parts.push(part);
    entries.push({ ...entry, content: Buffer.concat(parts).toString('latin1') });
  }
  return entries;
}

async function filtered(parts: readonly TarPart[], limits = LIMITS): Promise<TarEntry[]> {
  const blocks: Buffer[] = [];
  const source = new ByteSource(chunksOf(tarOf(parts)));
  for await (const block of filterLayer(source, limits, { entries: 0, bytes: 0 }))
    blocks.push(block);
  return entriesOf(Buffer.concat(blocks));
}

const name = fc
  .string({
    minLength: 1,
    maxLength: 250,
    unit: fc.constantFrom('a', 'B', '/', '.', ' ', 'é', '-'),
  })
  .filter((text) => !text.endsWith('/'));
const entry = fc.record({
  type: fc.constantFrom('file' as const, 'symlink' as const, 'fifo' as const, 'char' as const),
  path: name,
  linkPath: name,
  mode: fc.nat(0o7777),
  uid: fc.nat(2 ** 31),
  gid: fc.nat(2 ** 31),
  mtimeSeconds: fc.nat(2 ** 31),
  deviceMajor: fc.constant(0),
  deviceMinor: fc.constant(0),
  xattrs: fc
    .dictionary(
      fc.constantFrom('user.a', 'security.capability'),
      fc.string({ unit: 'binary-ascii' }),
    )
    .map((value) => new Map(Object.entries(value))),
  content: fc.string({ maxLength: 1200, unit: 'binary-ascii' }),
});

testProp('what is encoded is decoded', [fc.array(entry, { maxLength: 8 })], async (t, entries) => {
  const parts = entries.map((part) => ({
    ...part,
    content: part.type === 'file' ? part.content : '',
  }));
  const decoded = await entriesOf(tarOf(parts));
  const expected = parts.map((part) => ({
    ...part,
    path: Buffer.from(part.path, 'latin1').toString('latin1'),
    linkPath: Buffer.from(part.linkPath, 'latin1').toString('latin1'),
    size: part.content.length,
  }));
  t.deepEqual(decoded, expected);
});

testProp(
  'damaged archives throw a coded error or end',
  [fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 20 }), fc.nat(6000)],
  async (t, damage, cut) => {
    const bytes = tarOf([
      { path: 'a'.repeat(200), content: 'x'.repeat(600) },
      { path: 'b', type: 'symlink', linkPath: 'c' },
    ]);
    for (const [at, value] of damage) bytes[at % bytes.length] = value;
    try {
      await entriesOf(bytes.subarray(0, cut));
      t.pass();
    } catch (error) {
      t.true(
        error instanceof RuntimeError && error.detail.code === 'archive_refused',
        String(error),
      );
    }
  },
);

testProp(
  'pax bodies throw a coded error or are records',
  [fc.uint8Array({ size: 'max', maxLength: 2000 })],
  (t, bytes) => {
    try {
      t.true(Array.isArray(decodePax(Buffer.from(bytes))));
    } catch (error) {
      t.true(error instanceof RuntimeError);
    }
  },
);

for (const format of ['ustar', 'pax', 'gnu', 'v7']) {
  test(`GNU tar’s ${format} format is read`, async (t) => {
    const bytes = execFileSync('tar', [
      '-C',
      'node_modules/zod',
      `--format=${format}`,
      '-cf',
      '-',
      'package.json',
    ]);
    const [only] = await entriesOf(bytes);
    t.is(only?.path, 'package.json');
    t.is((JSON.parse(only?.content ?? '') as { name: string }).name, 'zod');
  });
}

const PATHS = [
  { path: './a//b/./c', expected: 'a/b/c' },
  { path: '/etc/passwd', expected: 'etc/passwd' },
  { path: './', expected: '.' },
  { path: 'a..b/..c', expected: 'a..b/..c' },
];
for (const { path, expected } of PATHS) {
  test(`${path} is ${expected} inside`, (t) => t.is(innerPath(path), expected));
}
for (const path of ['..', 'a/..', '../a', '/../a', `${'a/'.repeat(2100)}a`, 'a\0b']) {
  test(`${JSON.stringify(path.slice(0, 20))} leaves the archive`, (t) => {
    t.throws(() => innerPath(path), { instanceOf: RuntimeError });
  });
}

test('whiteouts become what overlayfs reads', async (t) => {
  const entries = await filtered([
    { path: 'dir', type: 'directory', uid: 7 },
    { path: 'dir/.wh..wh..opq' },
    { path: 'dir/.wh.gone' },
    { path: '.wh..wh.plnk' },
    { path: 'other/.wh..wh..opq' },
  ]);
  t.deepEqual(
    entries.map(({ path, type, uid, xattrs, deviceMajor }) => ({
      path,
      type,
      uid,
      deviceMajor,
      opaque: xattrs.get('trusted.overlay.opaque'),
    })),
    [
      { path: 'dir', type: 'directory', uid: 7, deviceMajor: 0, opaque: undefined },
      { path: 'dir', type: 'directory', uid: 7, deviceMajor: 0, opaque: 'y' },
      { path: 'dir/gone', type: 'char', uid: 0, deviceMajor: 0, opaque: undefined },
      { path: 'other', type: 'directory', uid: 0, deviceMajor: 0, opaque: 'y' },
    ],
  );
});

test('only harmless attributes stay', async (t) => {
  const xattrs = new Map([
    ['security.capability', 'x'],
    ['user.y', 'y'],
    ['trusted.overlay.redirect', '/etc'],
    ['security.selinux', 'z'],
  ]);
  const [only] = await filtered([{ path: 'a', xattrs }]);
  t.deepEqual([...(only?.xattrs.keys() ?? [])], ['security.capability', 'user.y']);
});

test('limits end an archive', async (t) => {
  const many = Array.from({ length: 5 }, (_, index) => ({ path: String(index), content: 'x' }));
  await t.throwsAsync(filtered(many, { entriesMax: 4, bytesMax: 100 }), {
    instanceOf: RuntimeError,
  });
  await t.throwsAsync(filtered(many, { entriesMax: 10, bytesMax: 4 }), {
    instanceOf: RuntimeError,
  });
  t.is((await filtered(many, { entriesMax: 5, bytesMax: 5 })).length, 5);
});
