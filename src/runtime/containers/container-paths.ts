/**
 * Where a runtime keeps what.
 *
 * ```
 * <data>/containers/<id>/     the OCI bundle, and everything of one container
 *   container.json            its record (container-record.ts)
 *   config.json rootfs/       the bundle; rootfs is the overlay's mount point
 *   upper/ work/              the overlay's own
 *   hosts hostname resolv.conf
 *   log log.1 log.2           stdout and stderr, newest first
 *   persist/exit, persist/oom written by conmon
 *   attach ctl winsz          conmon's socket and pipes
 * <data>/volumes/<name>/_data
 * <data>/quarantine/<id>-<time>/  containers whose record could not be read
 * <run>/runc/                 runc's state
 * <run>/exits/<id>            exit codes, written by conmon when a container ended
 * <run>/exec/                 processes started inside containers
 * ```
 */
import path from 'node:path';

export interface ContainerPaths {
  readonly directory: string;
  readonly recordFile: string;
  readonly configFile: string;
  readonly rootfs: string;
  readonly upper: string;
  readonly work: string;
  readonly logFile: string;
  readonly persist: string;
  readonly pidFile: string;
  readonly controlPipe: string;
  readonly exitFile: string;
}

export class RuntimePaths {
  readonly containers: string;
  readonly volumes: string;
  readonly quarantine: string;
  readonly runc: string;
  readonly exits: string;
  readonly exec: string;

  constructor(dataDirectory: string, runDirectory: string) {
    this.containers = path.join(dataDirectory, 'containers');
    this.volumes = path.join(dataDirectory, 'volumes');
    this.quarantine = path.join(dataDirectory, 'quarantine');
    this.runc = path.join(runDirectory, 'runc');
    this.exits = path.join(runDirectory, 'exits');
    this.exec = path.join(runDirectory, 'exec');
  }

  get all(): readonly string[] {
    return [this.containers, this.volumes, this.quarantine, this.runc, this.exits, this.exec];
  }

  container(id: string): ContainerPaths {
    const directory = path.join(this.containers, id);
    return {
      directory,
      recordFile: path.join(directory, 'container.json'),
      configFile: path.join(directory, 'config.json'),
      rootfs: path.join(directory, 'rootfs'),
      upper: path.join(directory, 'upper'),
      work: path.join(directory, 'work'),
      logFile: path.join(directory, 'log'),
      persist: path.join(directory, 'persist'),
      pidFile: path.join(directory, 'pid'),
      controlPipe: path.join(directory, 'ctl'),
      exitFile: path.join(this.exits, id),
    };
  }
}
