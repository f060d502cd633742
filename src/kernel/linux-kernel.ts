/** The kernel of this machine. */
import {
  HOST_NAMESPACE,
  type Kernel,
  type KernelObject,
  type NamespaceName,
  type NftTableObject,
  type ObserveRequest,
  type Operation,
  type OperationOutcome,
} from '../dataplane/index.ts';
import { Application } from './linux/apply.ts';
import { deleteVxlans } from './linux/link-writer.ts';
import { observeNetlink } from './linux/observe.ts';
import {
  openClientSocket,
  openTcpListener,
  openUdpSocket,
  type BoundSocket,
  type ClientSocketType,
  type SocketPlace,
} from './namespace-sockets.ts';
import { NamespaceTable } from './netns.ts';
import { listNft, nftGeneration } from './nft/nft-tables.ts';
import { watchNamespace, type Watch, type WatchHandlers } from './watch.ts';

export interface LinuxKernelOptions {
  /** Namespaces are bind-mounted in `netns/` below it. */
  readonly runDirectory: string;
}

interface KnownTables {
  readonly inode: number;
  readonly generation: number;
  readonly tables: readonly NftTableObject[];
}

/**
 * Implements `Kernel` over netlink, nft and /proc. Netlink calls are synchronous and short; nft is
 * a process per transaction. Methods throw `KernelError` when the namespace itself cannot be
 * entered; all else is an outcome.
 */
export class LinuxKernel implements Kernel {
  private readonly spaces: NamespaceTable;
  private readonly knownTables = new Map<NamespaceName, KnownTables>();

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
    this.knownTables.delete(name);
    if (this.spaces.names().includes(name)) deleteVxlans(this.spaces.open(name).route);
    this.spaces.delete(name);
  }

  async observe(name: NamespaceName, request: ObserveRequest): Promise<readonly KernelObject[]> {
    const objects = observeNetlink(name, this.spaces.open(name), request);
    objects.push(...(await this.observeTables(name)));
    return objects;
  }

  async apply(
    name: NamespaceName,
    operations: readonly Operation[],
  ): Promise<readonly OperationOutcome[]> {
    return new Application(this.spaces, name, operations).run();
  }

  /** Path of the namespace's file, for runtimes and `nsenter`. */
  namespacePath(name: NamespaceName): string {
    return this.spaces.path(name);
  }

  /** A UDP socket bound inside the namespace. */
  openUdpSocket(name: NamespaceName, place: SocketPlace): BoundSocket {
    return openUdpSocket(this.spaces.open(name).fd, place);
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
    return watchNamespace(this.spaces.open(name).fd, handlers);
  }

  /** Closes what it holds open; the kernel's objects stay. */
  close(): void {
    this.spaces.close();
    this.knownTables.clear();
  }

  /** Lists nft only when the kernel's count of transactions says that something changed. */
  private async observeTables(name: NamespaceName): Promise<readonly NftTableObject[]> {
    const { fd, inode } = this.spaces.open(name);
    const generation = nftGeneration(fd);
    const known = this.knownTables.get(name);
    if (known?.inode === inode && known.generation === generation) return known.tables;
    const path = name === HOST_NAMESPACE ? undefined : this.spaces.path(name);
    const tables = await listNft(path);
    this.knownTables.set(name, { inode, generation, tables });
    return tables;
  }
}
