/** What the driver needs of others: a state machine, a log on disk, a wire, a pace. */
import type {
  HardState,
  LogIndex,
  LogReader,
  Message,
  PeerId,
  SnapshotMeta,
  SnapshotRequest,
  Write,
} from '../../raft/index.ts';

/** `Outcome` is plain JSON data: outcomes are kept in snapshots while a command may be retried. */
export interface StateMachine<Outcome> {
  /** Deterministic; never throws for any entry that was proposed. */
  apply(data: Uint8Array, index: LogIndex): Outcome;
  /**
   * The state as it is at the call. An iterable is read piece by piece between other work, while
   * further entries are applied, so it must give the state of the call all the same; pieces of
   * about a megabyte keep the event loop free. A buffer is as good for what is small.
   */
  snapshot(): Uint8Array | Iterable<Uint8Array>;
  /** Nothing is applied until it is done. */
  restore(state: Buffer): void | Promise<void>;
}

/** The log of one peer on its disk. */
export interface ConsensusStorage {
  readonly log: LogReader;
  /**
   * Makes the whole write durable and shows it in `log`. On failure nothing is kept, and the same
   * write may be tried again. Throws `ClusterError`: disk-full or disk-failed.
   */
  write(write: Write, snapshotState?: Buffer): Promise<void>;
  saveSnapshot(meta: SnapshotMeta, state: Buffer, keep: SnapshotKeep): Promise<void>;
  newestSnapshot(): Promise<{ readonly meta: SnapshotMeta; readonly state: Buffer } | undefined>;
  close(): Promise<void>;
}

/** What a storage found when it was opened. */
export interface OpenedConsensus {
  readonly storage: ConsensusStorage;
  readonly hardState?: HardState;
  readonly commit?: LogIndex;
  readonly snapshot?: { readonly meta: SnapshotMeta; readonly state: Buffer };
}

export interface SnapshotKeep {
  readonly oldSnapshots: number;
  /** Entries before the snapshot that stay in the log for followers that are a little behind. */
  readonly entriesForSlow: number;
}

/** Settings of the cluster, kept in the state itself, so they are asked for at each decision. */
export interface SnapshotPolicy extends SnapshotKeep {
  readonly intervalEntries: number;
}

/** The way to the other peers. Messages may be lost; order is kept for each peer. */
export interface PeerWire {
  /** Begins delivery to this peer. Called once, before anything is sent. */
  start(handler: PeerWireHandler): void;
  send(message: Message): void;
  /** What was given to `send` is to leave, before anything else is done. */
  flush(): void;
  /** Brings a snapshot's bytes and then the request. Whether it arrived; never rejects. */
  sendSnapshot(request: SnapshotRequest, state: Buffer): Promise<boolean>;
}

export interface PeerWireHandler {
  receive(message: Message): void;
  /** What arrived together has been told: it is time to do what follows from it. */
  settle(): void;
  /** A snapshot that arrived whole. */
  receiveSnapshot(request: SnapshotRequest, state: Buffer): void;
  /** What was sent to `peer` of late may be lost. */
  reportUnreachable(peer: PeerId): void;
}

/** Time for a driver. Tests give one that they turn themselves. */
export interface Pace {
  monotonicMs(): number;
  /** Calls `run` about every `ms` until the returned function is called. */
  every(ms: number, run: () => void): () => void;
  /** Calls `run` once, in about `ms`, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
  /** Calls `run` in a later turn of the event loop, after input that is already there. */
  soon(run: () => void): void;
}

export const SYSTEM_PACE: Pace = {
  monotonicMs: () => performance.now(),
  every: (ms, run) => {
    const timer = setInterval(run, ms);
    return () => clearInterval(timer);
  },
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  soon: (run) => {
    setImmediate(run);
  },
};

/** What may be counted. Every method is optional. */
export interface ConsensusMetrics {
  /** From `propose` to the outcome. */
  observeCommitSeconds?(seconds: number): void;
  countProposalRefused?(code: string): void;
  countProposalRetried?(): void;
  /** Messages that a full core, or a closed peer, did not take. */
  countMessageDropped?(): void;
  countWriteFailed?(): void;
  observeWriteSeconds?(seconds: number): void;
}
