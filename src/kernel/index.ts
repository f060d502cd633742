/**
 * kernel: the Linux kernel behind the dataplane's `Kernel`, over netlink, nft and /proc, and a fake
 * of it in memory.
 *
 * It carries out operations and reads back what there is; it decides nothing about what should be.
 * Netlink calls are synchronous natives (microseconds, batched); nft is run as a program, one
 * transaction per `apply`, and listed again only when the kernel's ruleset generation has moved.
 * The native addon never lets JavaScript run inside another namespace. Both kernels pass the suite
 * in `test/kernel/compliance/`.
 *
 * Limits: IPv4 objects; 256 namespaces held open at once (more are opened again when needed); links
 * are written one by one, rows in batches of 1,000 per send. A veth's two ends carry aliases
 * (`hawser:veth/<namespace>/<name>` and `hawser:veth-peer`) by which they are known again.
 *
 * Start with `linux-kernel.ts`. `netlink/` is the protocol (exported as `hawser/netlink`), `nft/`
 * the tables, `raw-socket.ts` raw and packet sockets (`hawser/raw-socket`), `native.ts` the only
 * way to the addon.
 */
export { KernelError, isErrno, type KernelErrorDetail } from './kernel-error.ts';
export { FakeKernel, type FakeKernelOptions } from './fake-kernel.ts';
export { LinuxKernel, type LinuxKernelOptions } from './linux-kernel.ts';
export type { BoundSocket, ClientSocketType, SocketPlace } from './namespace-sockets.ts';
export type { ChangeKind, Watch, WatchHandlers } from './watch.ts';
