/**
 * store: the replicated state. Commands go in, revisioned tables come out.
 *
 * Decides: whether a command fits the state (names, ports and subnets free, nothing in use
 * removed), and what it is given (subnets, addresses, VNIs, virtual addresses, published ports,
 * node indexes). Allocation is part of applying, so it can never disagree with the log. Never reads
 * a clock, draws randomness or does I/O: whoever applies the same commands has the same state, byte
 * for byte in `snapshotPieces()`.
 * Inputs: `apply(command)`. Outputs: tables with indexes, `watch`, snapshots, and per node the
 * rows it must know (`viewRows` on a manager, `buildView` on the node).
 * Limits: 65,534 nodes, 2^24 - 4096 subnets, 2,768 automatic ports per protocol.
 * Start with `commands.ts`, then `store.ts`, then `apply/index.ts`.
 */
export * from './commands.ts';
export { Store, type StoreListener } from './store.ts';
export { taskNetworkIds } from './apply/index.ts';
export { type Change } from './state.ts';
export { type TableReader } from './table.ts';
export { SnapshotError, type SnapshotErrorDetail } from './snapshot/format.ts';
export { buildView, viewRows } from './view/node-view.ts';
export { type StampedRow } from './view/view-index.ts';
