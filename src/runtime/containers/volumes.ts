/**
 * Named and anonymous volumes: plain directories, filled from the image when they are used for the
 * first time.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Mount } from '../../model/index.ts';
import { bindMount, tmpfsMount, type OciMount } from '../bundle/mounts.ts';
import { invalid } from '../errors.ts';
import { runChecked } from '../host/command.ts';
import { isThere } from '../host/files.ts';
import { KeyedQueue } from '../host/keyed-queue.ts';
import { resolveInRoot } from '../host/safe-path.ts';

/** Copies of large images' content are slow, but end. */
const COPY_TIMEOUT_MS = 600_000;

export interface MountPlan {
  readonly wishes: readonly Mount[];
  /** Names of volumes that belong to the container alone. */
  readonly anonymousVolumes: readonly string[];
}

/** The spec's mounts, and an anonymous volume for each VOLUME of the image that no mount covers. */
export function planMounts(wishes: readonly Mount[], imageVolumes: readonly string[]): MountPlan {
  const covered = new Set(wishes.map((wish) => trimSlash(wish.Target)));
  const implied = imageVolumes
    .filter((target) => !covered.has(trimSlash(target)))
    .map((target): Mount => ({ Type: 'volume', Target: target }));
  const anonymousVolumes: string[] = [];
  const named = [...wishes, ...implied].map((wish) => {
    if (wish.Type !== 'volume' || (wish.Source ?? '') !== '') return wish;
    const name = randomBytes(32).toString('hex');
    anonymousVolumes.push(name);
    return { ...wish, Source: name };
  });
  // A mount below another must come after it.
  const depth = ({ Target }: Mount) => trimSlash(Target).split('/').length;
  return { wishes: named.sort((a, b) => depth(a) - depth(b)), anonymousVolumes };
}

function trimSlash(target: string): string {
  return target.replace(/\/+$/, '');
}

export class VolumeDirectory {
  private readonly root: string;
  private readonly queue = new KeyedQueue();

  constructor(root: string) {
    this.root = root;
  }

  /** Host paths for the mounts; volumes are made, and filled from `rootfs` where they are empty. */
  async prepare(wishes: readonly Mount[], rootfs: string): Promise<OciMount[]> {
    const mounts: OciMount[] = [];
    for (const wish of wishes) mounts.push(await this.prepareOne(wish, rootfs));
    return mounts;
  }

  private async prepareOne(wish: Mount, rootfs: string): Promise<OciMount> {
    if (wish.Type === 'tmpfs') return tmpfsMount(wish);
    const source = wish.Source ?? '';
    if (wish.Type === 'volume') {
      const directory = await this.queue.run(source, () =>
        this.ensure(source, wish.Target, rootfs),
      );
      return bindMount(directory, wish);
    }
    if (await isThere(source)) return bindMount(source, wish);
    throw invalid(
      'mounts',
      source,
      `invalid mount config for type "bind": bind source path does not exist: ${source}`,
    );
  }

  /** A volume that does not exist yet appears with its content or not at all. */
  private async ensure(name: string, target: string, rootfs: string): Promise<string> {
    const directory = path.join(this.root, name, '_data');
    if (await isThere(directory)) {
      if ((await readdir(directory)).length === 0) await copyContent(rootfs, target, directory);
      return directory;
    }
    const making = path.join(this.root, name, '_making');
    await rm(making, { recursive: true, force: true });
    await mkdir(making, { recursive: true, mode: 0o755 });
    await copyContent(rootfs, target, making);
    await rename(making, directory);
    return directory;
  }

  async remove(name: string): Promise<void> {
    await rm(path.join(this.root, name), { recursive: true, force: true });
  }
}

async function copyContent(rootfs: string, target: string, directory: string): Promise<void> {
  const content = await resolveInRoot(rootfs, target);
  const found = await stat(content).catch(() => undefined);
  if (found?.isDirectory() !== true) return;
  await runChecked('cp', ['-a', '--', `${content}/.`, directory], { timeoutMs: COPY_TIMEOUT_MS });
}
