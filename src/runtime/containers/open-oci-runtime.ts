/** Opens the runtime: makes its directories, finds its tools, adopts what an earlier agent left. */
import { mkdir, rm } from 'node:fs/promises';
import type { Clock, Logger } from '../../base/index.ts';
import { findTool } from '../host/command.ts';
import { ImageDirectory } from '../images/image-directory.ts';
import { OciImageStore } from '../images/oci-image-store.ts';
import type { Runtime } from '../runtime.ts';
import { adoptContainers } from './adopt.ts';
import { OciProcesses } from '../monitor/conmon.ts';
import { RuntimePaths } from './container-paths.ts';
import { ContainerTable } from './container-table.ts';
import { readHostFacts } from '../host/host-facts.ts';
import { OciRuntime } from './oci-runtime.ts';
import { VolumeDirectory } from './volumes.ts';

export interface OciRuntimeOptions {
  /**
   * Containers and volumes; on a disk with xattrs (ext4, xfs, btrfs), not on an overlay. Of this
   * agent alone.
   */
  readonly dataDirectory: string;
  /** Gone after a reboot (tmpfs). Of this agent alone. */
  readonly runDirectory: string;
  /** Images; agents of one machine may share it. */
  readonly imageDirectory: string;
  /** Cgroup below which each container gets its own: `/hawser`. */
  readonly cgroupParent: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Throws `missing_tool` when runc or conmon is not installed. */
export async function openOciRuntime(options: OciRuntimeOptions): Promise<Runtime> {
  const { logger, clock } = options;
  const tools = { runc: await findTool('runc'), conmon: await findTool('conmon') };
  const paths = new RuntimePaths(options.dataDirectory, options.runDirectory);
  // Left by processes that were started inside containers through an agent that was killed.
  await rm(paths.exec, { recursive: true, force: true });
  for (const directory of paths.all) await mkdir(directory, { recursive: true, mode: 0o700 });
  const table = new ContainerTable(paths, logger);
  const images = new OciImageStore({
    directory: await ImageDirectory.open(options.imageDirectory),
    logger,
    clock,
    isOwnContainer: (id) => table.record(id) !== undefined,
  });
  const parts = {
    paths,
    table,
    images,
    logger,
    clock,
    cgroupParent: options.cgroupParent,
    processes: new OciProcesses(tools, paths),
    volumes: new VolumeDirectory(paths.volumes),
    host: await readHostFacts(),
  };
  await adoptContainers(parts);
  return new OciRuntime(parts);
}
