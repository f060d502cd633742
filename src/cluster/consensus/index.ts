/**
 * cluster/consensus: the host of one Raft peer, and the links between peers.
 *
 * `RaftDriver` feeds `src/raft` with ticks, messages, commands and reads, writes what it asks for,
 * sends what it says, applies what is committed exactly once, and answers who asked.
 * Inputs: commands and read barriers from this process, messages from other peers. Outputs:
 * outcomes of the state machine, messages, writes, changes of status.
 * Limits: `DRIVER_LIMITS`, `LINK_LIMITS` and the core's `RAFT_LIMITS`.
 * Start with `driver.ts` and `ports.ts`, then `callers/` (commands and reads on their way),
 * `state/` (applying and snapshots) and `links/peer-links.ts`.
 */
export type {
  ConsensusMetrics,
  ConsensusStorage,
  OpenedConsensus,
  Pace,
  PeerWire,
  PeerWireHandler,
  SnapshotKeep,
  SnapshotPolicy,
  StateMachine,
} from './ports.ts';
export { RaftDriver } from './driver.ts';
export { forceNewCluster, type ForceOptions } from './state/force-new-cluster.ts';
export { LINK_LIMITS, type LinkLimits } from './links/limits.ts';
export { PeerLinks, type PeerLinksOptions } from './links/peer-links.ts';
export { SYSTEM_PACE } from './ports.ts';
export {
  DRIVER_LIMITS,
  type DriverLimits,
  type DriverOptions,
  type DriverStatus,
} from './options.ts';
