/** Makes and unmakes what a container has on disk: overlay mount, files, volumes, config.json. */
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { bundleConfig, type HostFacts } from '../bundle/bundle-config.ts';
import { stringifyConfig } from '../bundle/rlimits.ts';
import { resolveUser } from '../bundle/users.ts';
import { isThere } from '../host/files.ts';
import { isMountPoint, mountOverlay, unmount } from '../host/mounts.ts';
import { readTextInRoot } from '../host/safe-path.ts';
import type { ImageForContainer } from '../images/oci-image-store.ts';
import type { ContainerSpec } from '../runtime.ts';
import type { ContainerPaths } from './container-paths.ts';
import type { MountPlan, VolumeDirectory } from './volumes.ts';

/** Larger ones are not user databases. */
const USER_FILE_BYTES_MAX = 1 << 20;

export interface BundleOptions {
  readonly spec: ContainerSpec;
  readonly image: ImageForContainer;
  readonly plan: MountPlan;
  readonly paths: ContainerPaths;
  readonly host: HostFacts;
  readonly volumes: VolumeDirectory;
  readonly cgroupsPath: string;
}

/** The directory exists and holds the record. Throws `invalid`, `command_failed`, `disk_full`. */
export async function makeBundle(options: BundleOptions): Promise<void> {
  const { spec, image, paths, plan } = options;
  for (const directory of [paths.rootfs, paths.upper, paths.work, paths.persist]) {
    await mkdir(directory);
    // The overlay's root takes its mode from here, whatever the agent's umask.
    await chmod(directory, 0o755);
  }
  await ensureRootfs(image, paths);
  const user = resolveUser(spec.user ?? image.config.config?.User ?? '', spec.groups ?? [], {
    passwd: await readTextInRoot(paths.rootfs, '/etc/passwd', USER_FILE_BYTES_MAX),
    group: await readTextInRoot(paths.rootfs, '/etc/group', USER_FILE_BYTES_MAX),
  });
  await writeOwnFiles(spec, paths);
  const mounts = await options.volumes.prepare(plan.wishes, paths.rootfs);
  const config = bundleConfig({
    spec,
    image: image.config,
    host: options.host,
    user,
    directory: paths.directory,
    mounts,
    cgroupsPath: options.cgroupsPath,
  });
  await writeFile(paths.configFile, stringifyConfig(config), { mode: 0o600 });
}

/** Mounted before a start even when the machine was rebooted since the container was made. */
export async function ensureRootfs(image: ImageForContainer, paths: ContainerPaths): Promise<void> {
  if (await isMountPoint(paths.rootfs)) return;
  await mountOverlay({
    layerDirectory: image.layerDirectory,
    lower: image.lower,
    upper: paths.upper,
    work: paths.work,
    target: paths.rootfs,
  });
}

async function writeOwnFiles(spec: ContainerSpec, paths: ContainerPaths): Promise<void> {
  const files = [
    ['hosts', spec.hostsFile],
    ['hostname', `${spec.hostname}\n`],
    ['resolv.conf', spec.resolvConf],
  ] as const;
  for (const [name, content] of files) {
    const file = `${paths.directory}/${name}`;
    await writeFile(file, content);
    // Whatever the agent's umask: the container's users read these.
    await chmod(file, 0o644);
  }
}

/**
 * Idempotent. The directory is renamed first, so that what is half deleted is never taken for a
 * container.
 */
export async function removeBundle(paths: ContainerPaths): Promise<void> {
  await unmount(paths.rootfs);
  const doomed = `${paths.directory}.removing`;
  if (await isThere(paths.directory)) {
    await rm(doomed, { recursive: true, force: true });
    await rename(paths.directory, doomed);
  }
  await rm(doomed, { recursive: true, force: true });
  await rm(paths.exitFile, { force: true });
}
