/**
 * The network namespaces kept under the run directory: their names, and an open fd and netlink
 * socket for each in use.
 */
import { closeSync, mkdirSync, openSync, readdirSync, statSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { HOST_NAMESPACE, type NamespaceName } from '../dataplane/index.ts';
import { invalidArgument, systemError } from './kernel-error.ts';
import { createNamespace, deleteNamespace, type NamespaceFd } from './native.ts';
import { NETLINK_ROUTE, NetlinkSocket } from './netlink/index.ts';

/** File system type of a namespace's file. */
const NSFS_MAGIC = 0x6e736673;
const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const OWN_NAMESPACE_PATH = '/proc/self/ns/net';
/**
 * Namespaces held open at once; beyond it the least recently used one is closed and opened again
 * when needed.
 */
const OPEN_MAX = 256;

export interface OpenNamespace {
  readonly fd: NamespaceFd;
  readonly route: NetlinkSocket;
  /** The kernel's number of the namespace: unique while it lives. */
  readonly inode: number;
}

/**
 * Opens namespaces by name and keeps them open. A name whose file has become another namespace is
 * opened again; deleting closes what was kept, because an open fd or socket would keep the
 * namespace alive.
 */
export class NamespaceTable {
  private readonly folder: string;
  private readonly opened = new Map<NamespaceName, OpenNamespace>();

  constructor(runDirectory: string) {
    this.folder = join(runDirectory, 'netns');
    mkdirSync(this.folder, { recursive: true, mode: 0o755 });
  }

  /** How many namespaces are held open. */
  get openCount(): number {
    return this.opened.size;
  }

  names(): NamespaceName[] {
    return readdirSync(this.folder).filter(
      (name) => NAME_PATTERN.test(name) && isNamespace(join(this.folder, name)),
    );
  }

  /** Path of the namespace's file; of the agent's own for `HOST_NAMESPACE`. */
  path(name: NamespaceName): string {
    if (name === HOST_NAMESPACE) return OWN_NAMESPACE_PATH;
    if (!NAME_PATTERN.test(name)) throw invalidArgument('namespace', name);
    return join(this.folder, name);
  }

  create(name: NamespaceName): void {
    const path = this.ownPath(name);
    if (!isNamespace(path)) createNamespace(path);
  }

  delete(name: NamespaceName): void {
    const path = this.ownPath(name);
    this.forget(name);
    deleteNamespace(path);
  }

  /**
   * The namespace with its sockets; throws `KernelError` with ENOENT when there is none of the
   * name.
   */
  open(name: NamespaceName): OpenNamespace {
    const path = this.path(name);
    const inode = inodeOf(path, name);
    const known = this.opened.get(name);
    if (known?.inode === inode) {
      // Back to the end of the map, which is the order of use.
      this.opened.delete(name);
      this.opened.set(name, known);
      return known;
    }
    this.forget(name);
    this.makeRoom();
    const opened = openNamespace(path, inode);
    this.opened.set(name, opened);
    return opened;
  }

  close(): void {
    for (const name of [...this.opened.keys()]) this.forget(name);
  }

  private ownPath(name: NamespaceName): string {
    if (name === HOST_NAMESPACE) throw invalidArgument('namespace', name);
    return this.path(name);
  }

  private makeRoom(): void {
    if (this.opened.size < OPEN_MAX) return;
    for (const name of this.opened.keys()) {
      if (name === HOST_NAMESPACE) continue;
      this.forget(name);
      return;
    }
  }

  private forget(name: NamespaceName): void {
    const known = this.opened.get(name);
    if (known === undefined) return;
    this.opened.delete(name);
    known.route.close();
    closeSync(known.fd);
  }
}

function openNamespace(path: string, inode: number): OpenNamespace {
  const fd = openSync(path, 'r');
  try {
    return { fd, route: new NetlinkSocket(fd, NETLINK_ROUTE), inode };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function inodeOf(path: string, name: NamespaceName): number {
  if (!isNamespace(path)) throw systemError({ errno: 'ENOENT', call: 'open' }, `namespace ${name}`);
  return statSync(path).ino;
}

/** Whether a namespace is mounted on the path; a plain file there is what a crash may leave. */
function isNamespace(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch {
    return false;
  }
}
