import test from 'ava';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import {
  RuntimeError,
  type RuntimeErrorDetail,
  type ImageSummary,
  type Runtime,
} from '../../src/runtime/index.ts';
import { busyboxTar } from './support/rootfs.ts';
import { tarOf, type TarPart } from './support/tar.ts';
import { importBusybox, shellOf, sleeper, World } from './support/world.ts';

const BASE = busyboxTar();
/** Hides a file, replaces a directory's content, and changes a file of the base. */
const CHANGE = tarOf([
  { path: 'data', type: 'directory', mode: 0o750 },
  { path: 'data/.wh..wh..opq' },
  { path: 'data/new', content: 'new\n' },
  { path: 'etc/.wh.group' },
  { path: 'etc/passwd', content: 'root:x:0:0::/:/bin/sh\n' },
]);

function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function configOf(layers: readonly Buffer[], architecture = 'amd64'): string {
  const config = {
    Cmd: ['sh', '-c', 'ls /data; cat /etc/passwd; ls /etc/group 2>/dev/null || echo hidden'],
    Entrypoint: null,
  };
  const diffIds = layers.map((layer) => `sha256:${sha256(layer)}`);
  return JSON.stringify({
    architecture,
    os: 'linux',
    created: '2024-01-02T03:04:05Z',
    config,
    rootfs: { type: 'layers', diff_ids: diffIds },
  });
}

function dockerArchive(layers: readonly Buffer[], config: string, tags: readonly string[]): Buffer {
  const manifest = [
    {
      Config: `${sha256(config)}.json`,
      RepoTags: tags,
      Layers: layers.map((_, index) => `${index}/layer.tar`),
    },
  ];
  return tarOf([
    ...layers.map((content, index) => ({ path: `${index}/layer.tar`, content })),
    { path: `${sha256(config)}.json`, content: config },
    { path: 'manifest.json', content: JSON.stringify(manifest) },
  ]);
}

interface OciParts {
  readonly layers: readonly Buffer[];
  readonly config: string;
  readonly name?: string;
}

function ociArchive({ layers, config, name }: OciParts): {
  archive: Buffer;
  manifestDigest: string;
} {
  const blobs: TarPart[] = [];
  const put = (content: Buffer | string) => {
    blobs.push({ path: `blobs/sha256/${sha256(content)}`, content });
    return { digest: `sha256:${sha256(content)}`, size: content.length };
  };
  const manifest = put(
    JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...put(config) },
      layers: layers.map((layer) => ({
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        ...put(gzipSync(layer)),
      })),
    }),
  );
  const other = {
    digest: `sha256:${'a'.repeat(64)}`,
    platform: { os: 'linux', architecture: 's390x' },
  };
  const nested = put(
    JSON.stringify({
      manifests: [other, { ...manifest, platform: { os: 'linux', architecture: 'amd64' } }],
    }),
  );
  const annotations = name === undefined ? {} : { 'io.containerd.image.name': name };
  blobs.push({
    path: 'index.json',
    content: JSON.stringify({ manifests: [{ ...nested, annotations }] }),
  });
  blobs.push({ path: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' });
  return { archive: tarOf(blobs), manifestDigest: manifest.digest };
}

function load(runtime: Runtime, archive: Buffer): Promise<readonly ImageSummary[]> {
  return runtime.images.load(Readable.from([archive]));
}

const SHOWN = 'new\nroot:x:0:0::/:/bin/sh\nhidden\n';

test.serial('a docker-archive is loaded, whiteouts and all', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  const config = configOf([BASE, CHANGE]);
  const archive = dockerArchive([BASE, CHANGE], config, ['docker.io/library/app:1']);
  const [image] = await load(runtime, archive);
  t.is(image?.id, `sha256:${sha256(config)}`);
  t.deepEqual(image?.tags, ['app:1']);
  t.is(image?.createdAtMs, Date.parse('2024-01-02T03:04:05Z'));
  const result = await shellOf(world, runtime)('', { image: 'app:1', args: [] });
  t.is(result.stdout, SHOWN);
  const again = await load(runtime, archive);
  t.is(again[0]?.id, image?.id);
  t.is((await runtime.images.list()).length, 1);
  t.deepEqual(await world.close(), []);
});

test.serial('an OCI layout is loaded, with gzipped layers and an index of platforms', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  const { archive, manifestDigest } = ociArchive({
    layers: [BASE, CHANGE],
    config: configOf([BASE, CHANGE]),
    name: 'docker.io/library/app:2',
  });
  const [image] = await load(runtime, gzipSync(archive));
  t.deepEqual(image?.tags, ['app:2']);
  t.is((await runtime.images.find(`app@${manifestDigest}`))?.id, image?.id);
  const result = await shellOf(world, runtime)('', { image: 'app:2', args: [] });
  t.is(result.stdout, SHOWN);
  t.deepEqual(await world.close(), []);
});

test.serial('what is not an image is refused, and nothing is left of it', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  const good = configOf([BASE]);
  const rows: { name: string; code: RuntimeErrorDetail['code']; archive: Buffer }[] = [
    { name: 'garbage', code: 'archive_refused', archive: Buffer.alloc(5000, 'x') },
    { name: 'nothing', code: 'archive_refused', archive: Buffer.alloc(0) },
    {
      name: 'a cut archive',
      code: 'archive_refused',
      archive: dockerArchive([BASE], good, []).subarray(0, 20_000),
    },
    { name: 'cut gzip', code: 'archive_refused', archive: gzipSync(BASE).subarray(0, 20_000) },
    { name: 'no manifest', code: 'archive_refused', archive: tarOf([{ path: 'x' }]) },
    {
      name: 'bad JSON',
      code: 'archive_refused',
      archive: tarOf([{ path: 'manifest.json', content: '{' }]),
    },
    { name: 'a missing layer', code: 'archive_refused', archive: dockerArchive([], good, []) },
    {
      name: 'another architecture',
      code: 'archive_refused',
      archive: dockerArchive([BASE], configOf([BASE], 's390x'), []),
    },
    { name: 'another layer', code: 'digest_mismatch', archive: dockerArchive([CHANGE], good, []) },
    {
      name: 'another blob',
      code: 'digest_mismatch',
      archive: Buffer.from(
        ociArchive({ layers: [BASE], config: good })
          .archive.toString('latin1')
          .replace('"os":"linux"', '"os":"linus"'),
        'latin1',
      ),
    },
  ];
  for (const { name, code, archive } of rows) {
    const error = await t.throwsAsync(load(runtime, archive), { instanceOf: RuntimeError }, name);
    t.is(error.detail.code, code, `${name}: ${error.message}`);
    t.deepEqual(readdirSync(`${world.directory}/images/tmp`), [], name);
    t.deepEqual(readdirSync(`${world.directory}/images/layers`), [], name);
  }
  t.deepEqual(await runtime.images.list(), []);
  t.deepEqual(await world.close(), []);
});

test.serial('hostile tars are refused or harmless', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  const outside = `${world.directory}/outside`;
  execFileSync('mkdir', [outside]);
  const rows: { name: string; parts: TarPart[]; isRefused: boolean }[] = [
    { name: 'dots', isRefused: true, parts: [{ path: '../../outside/x' }] },
    { name: 'inner dots', isRefused: true, parts: [{ path: 'a/../../x' }] },
    {
      name: 'hard link out',
      isRefused: true,
      parts: [{ path: 'x', type: 'hardlink', linkPath: '../../../../etc/passwd' }],
    },
    { name: 'whiteout of the parent', isRefused: true, parts: [{ path: 'a/.wh...' }] },
    {
      name: 'through an absolute link',
      isRefused: true,
      parts: [
        { path: 'd', type: 'symlink', linkPath: outside },
        { path: 'd/x', content: '!' },
      ],
    },
    {
      name: 'through a relative link',
      isRefused: true,
      parts: [
        { path: 'd', type: 'symlink', linkPath: '../../../../outside' },
        { path: 'd/x', content: '!' },
      ],
    },
    { name: 'absolute path', isRefused: false, parts: [{ path: `${outside}/x`, content: '!' }] },
    {
      name: 'overlay redirect',
      isRefused: false,
      parts: [
        { path: 'd', type: 'directory', xattrs: new Map([['trusted.overlay.redirect', '/etc']]) },
      ],
    },
  ];
  for (const { name, parts, isRefused } of rows) {
    const imported = runtime.images.importRootfs(Readable.from([tarOf(parts)]), { changes: [] });
    if (isRefused) await t.throwsAsync(imported, { instanceOf: RuntimeError }, name);
    else await t.notThrowsAsync(imported, name);
    t.deepEqual(readdirSync(outside), [], name);
  }
  t.deepEqual(await world.close(), []);
});

test.serial('every compression is taken, and names are Docker’s', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  const ids = new Set<string>();
  for (const tool of ['cat', 'gzip', 'xz', 'zstd', 'bzip2']) {
    const input =
      tool === 'cat'
        ? BASE
        : execFileSync(tool, ['-1', '-c'], { input: BASE, maxBuffer: 64 << 20 });
    const image = await runtime.images.importRootfs(Readable.from([input]), {
      reference: `docker.io/library/box:${tool}`,
      changes: ['LABEL a=b'],
    });
    t.deepEqual(image.config.rootfs.diff_ids, [`sha256:${sha256(BASE)}`], tool);
    t.deepEqual(image.tags, [`box:${tool}`]);
    ids.add(image.id);
  }
  t.is(readdirSync(`${world.directory}/images/layers`).length, 1);
  const [first = ''] = ids;
  await runtime.images.tag(first.slice(7, 19), 'box');
  for (const name of [
    'box',
    'box:latest',
    'library/box',
    'docker.io/library/box:latest',
    first,
    first.slice(7),
    first.slice(7, 27),
  ]) {
    t.is((await runtime.images.find(name))?.id, first, name);
  }
  for (const name of [
    'box:no',
    'Box',
    '',
    'sha256:',
    '::',
    'zzz',
    `box@sha256:${'0'.repeat(64)}`,
  ]) {
    t.is(await runtime.images.find(name), undefined, name);
  }
  t.deepEqual(await world.close(), []);
});

test.serial('an image goes with its last name, unless a container stands on it', async (t) => {
  const world = new World(t);
  const one = await world.runtime('one');
  const two = await world.runtime('two');
  await importBusybox(one);
  const image = await one.images.find('busybox');
  await one.images.tag('busybox', 'other:1');
  t.deepEqual(await one.images.remove('other:1', false), [{ untagged: 'other:1' }]);
  const id = await sleeper(world, one);
  const error = await t.throwsAsync(one.images.remove('busybox', false), {
    instanceOf: RuntimeError,
  });
  t.is(error.detail.code, 'conflict');
  await t.throwsAsync(one.images.remove(image?.id ?? '', true), { instanceOf: RuntimeError });
  // For another agent of the machine it only loses its name: the container goes on.
  t.deepEqual(await two.images.remove('busybox', false), [{ untagged: 'busybox:latest' }]);
  t.is(await one.images.find('busybox'), undefined);
  t.is(one.get(id)?.state, 'running');
  await one.stop(id, 0);
  await one.remove(id);
  const gone = await two.images.remove(image?.id ?? '', false);
  t.deepEqual(gone, [{ deleted: image?.id }, { deleted: image?.config.rootfs.diff_ids[0] }]);
  t.deepEqual(readdirSync(`${world.directory}/images/layers`), []);
  t.deepEqual(readdirSync(`${world.directory}/images/layer-info`), []);
  const unknown = world.spec({ image: 'busybox' });
  const missing = await t.throwsAsync(one.create(unknown), { instanceOf: RuntimeError });
  t.deepEqual(missing.detail, { code: 'not_found', what: 'image', name: 'busybox' });
  t.false(existsSync(`${world.directory}/one/data/containers/${unknown.id}`));
  t.deepEqual(await world.close(), []);
});

test.serial('agents that import the same at the same time share one layer', async (t) => {
  const world = new World(t);
  const runtimes = [
    await world.runtime('one'),
    await world.runtime('two'),
    await world.runtime('three'),
  ];
  await Promise.all(runtimes.map((runtime) => importBusybox(runtime)));
  const ids = await Promise.all(
    runtimes.map(async (runtime) => (await runtime.images.find('busybox'))?.id),
  );
  t.is(new Set(ids).size, 1);
  t.is(readdirSync(`${world.directory}/images/layers`).length, 1);
  t.deepEqual(readdirSync(`${world.directory}/images/tmp`), []);
  t.deepEqual(await world.close(), []);
});

test.serial('a full disk is said to be one, and nothing is left on it', async (t) => {
  const world = new World(t);
  execFileSync('mkdir', [`${world.directory}/images`]);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', `${world.directory}/images`]);
  try {
    const runtime = await world.runtime();
    const error = await t.throwsAsync(importBusybox(runtime), { instanceOf: RuntimeError });
    t.is(error.detail.code, 'disk_full');
    t.deepEqual(readdirSync(`${world.directory}/images/tmp`), []);
    const config = configOf([BASE]);
    const loading = load(runtime, dockerArchive([BASE], config, []));
    t.is((await t.throwsAsync(loading, { instanceOf: RuntimeError })).detail.code, 'disk_full');
    t.deepEqual(readdirSync(`${world.directory}/images/tmp`), []);
  } finally {
    execFileSync('umount', [`${world.directory}/images`]);
  }
  t.deepEqual(await world.close(), []);
});
