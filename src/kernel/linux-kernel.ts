/** The kernel of this machine. */
import {
  HOST_NAMESPACE,
  isJoinedNamespace,
  type Kernel,
  type KernelObject,
  type NamespaceName,
  type ObserveRequest,
  type Operation,
  type OperationOutcome,
  type SysctlObject,
} from '../dataplane/index.ts';
import {
  clearJoined,
  foreignDestinations,
  namespaceIdentity,
  type JoinProblem,
} from './joining.ts';
import { Application } from './linux/apply.ts';
import { deleteVxlans } from './linux/link-writer.ts';
import { observeNetlink, observeSysctls } from './linux/observe.ts';
import {
  openClientSocket,
  openTcpListener,
  openPathSocket,
  openUdpSocket,
  type BoundSocket,
  type ClientSocketType,
  type SocketPlace,
} from './namespace-sockets.ts';
import { NamespaceTable } from './netns.ts';
import { KnownTables, type TablePlace } from './nft/known-tables.ts';
import type { NftChange } from './nft/nft-tables.ts';
import { watchNamespace, type Watch, type WatchHandlers } from './watch.ts';

export interface LinuxKernelOptions {
  /** Namespaces are bind-mounted in `netns/` below it. */
  readonly runDirectory: string;
}

/**
 * Implements `Kernel` over netlink, nft and /proc. Netlink calls are synchronous and short; nft is
 * a process per transaction. Methods throw `KernelError` when the namespace itself cannot be
 * entered; all else is an outcome.
 */
export class LinuxKernel implements Kernel {
  private readonly spaces: NamespaceTable;
  private readonly tables = new KnownTables();

  constructor(options: LinuxKernelOptions) {
    this.spaces = new NamespaceTable(options.runDirectory);
  }

  async namespaces(): Promise<readonly NamespaceName[]> {
    return this.spaces.names();
  }

  async createNamespace(name: NamespaceName): Promise<void> {
    this.spaces.create(name);
  }

  async deleteNamespace(name: NamespaceName): Promise<void> {
    this.tables.forget(name);
    if (this.spaces.names().includes(name)) await this.empty(name);
    this.spaces.delete(name);
  }

  /** Holds a namespace that others made under a name of ours, or says why it cannot. */
  join(
    name: NamespaceName,
    path: string,
    options: { readonly isKnown: boolean } = { isKnown: false },
  ): Promise<JoinProblem | undefined> {
    return this.spaces.join(name, path, options);
  }

  /** What names the namespace at the path while it lives; `undefined` when there is none. */
  namespaceIdentity(path: string): string | undefined {
    return namespaceIdentity(path);
  }

  /** Whether it is the agent's own namespace or one of those that it made. */
  isOwnNamespace(identity: string): boolean {
    const made = this.spaces.names().filter((name) => !isJoinedNamespace(name));
    return [HOST_NAMESPACE, ...made].some(
      (name) => namespaceIdentity(this.spaces.path(name)) === identity,
    );
  }

  /** Networks that somebody else's links of a joined namespace lead to. */
  foreignDestinations(name: NamespaceName): string[] {
    return foreignDestinations(this.spaces.open(name).route);
  }

  async observe(name: NamespaceName, request: ObserveRequest): Promise<readonly KernelObject[]> {
    const objects = observeNetlink(name, this.spaces.open(name), request);
    objects.push(...(await this.tables.observe(this.tablePlace(name))));
    return objects;
  }

  async glance(name: NamespaceName, request: ObserveRequest): Promise<readonly SysctlObject[]> {
    return observeSysctls(this.spaces.open(name), request);
  }

  async apply(
    name: NamespaceName,
    operations: readonly Operation[],
  ): Promise<readonly OperationOutcome[]> {
    const means = {
      namespaces: this.spaces,
      writeTables: (place: NamespaceName, changes: readonly NftChange[]) =>
        this.tables.apply(this.tablePlace(place), changes),
    };
    return new Application(means, name, operations).run();
  }

  /** Path of the namespace's file, for runtimes and `nsenter`. */
  namespacePath(name: NamespaceName): string {
    return this.spaces.path(name);
  }

  /** A UDP socket bound inside the namespace. */
  openUdpSocket(name: NamespaceName, place: SocketPlace): BoundSocket {
    return openUdpSocket(this.spaces.open(name).fd, place);
  }

  /** A socket for probes of a path, bound inside the namespace; returns its fd, the caller's. */
  openPathSocket(
    name: NamespaceName,
    place: SocketPlace,
    checksum: { readonly isSummed: boolean },
  ): number {
    return openPathSocket(this.spaces.open(name).fd, place, checksum).fd;
  }

  /** A listening TCP socket inside the namespace. */
  openTcpListener(name: NamespaceName, place: SocketPlace): BoundSocket {
    return openTcpListener(this.spaces.open(name).fd, place);
  }

  /** A socket for a connection out of the namespace; returns its fd, which is the caller's. */
  openClientSocket(name: NamespaceName, type: ClientSocketType): number {
    return openClientSocket(this.spaces.open(name).fd, type);
  }

  watch(name: NamespaceName, handlers: WatchHandlers): Watch {
    const space = this.spaces.open(name);
    return watchNamespace({ name, space, tables: this.tables }, handlers);
  }

  /** Closes what it holds open; the kernel's objects stay. */
  close(): void {
    this.spaces.close();
    this.tables.clear();
  }

  private tablePlace(name: NamespaceName): TablePlace {
    const { fd, inode } = this.spaces.open(name);
    return { name, fd, inode, path: name === HOST_NAMESPACE ? undefined : this.spaces.path(name) };
  }

  private async empty(name: NamespaceName): Promise<void> {
    const { route } = this.spaces.open(name);
    if (isJoinedNamespace(name)) await clearJoined(this.spaces.path(name), route);
    else deleteVxlans(route);
  }
}
