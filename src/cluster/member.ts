/** This node's part in a cluster, as the rooms above see it. Made by `openMember`. */
import type {
  ClusterSpec,
  NetworkId,
  NodeDescription,
  NodeId,
  NodeView,
  Revision,
  Task,
  TaskId,
  TaskStatus,
} from '../model/index.ts';
import type { ApplyOutcome, Command, Store } from '../store/index.ts';
import type { GossipReport } from './gossip/index.ts';
import type { ClusterUpdate, ClusterUpdateRequest } from './identity/index.ts';

export interface InitRequest {
  /** `IP[:port]` that other nodes reach this one at; the port defaults to the listen port. */
  readonly advertiseAddress: string;
  /** `IP[:port]` to listen on; default `0.0.0.0:2377`. */
  readonly listenAddress: string;
  /** VXLAN endpoint; default the advertise address. */
  readonly dataPathAddress?: string;
  readonly dataPathPort?: number;
  readonly addressPools?: readonly string[];
  readonly subnetBits?: number;
  readonly spec: ClusterSpec;
  readonly availability: 'active' | 'pause' | 'drain';
  /**
   * On a manager whose fellows are lost for good: goes on alone with the state it has, as the only
   * manager. Everything else of the request is ignored.
   */
  readonly isForcedNew?: boolean;
}

export interface JoinRequest {
  /** Managers to try, `host:port`. */
  readonly remoteAddresses: readonly string[];
  /** `SWMTKN-1-<ca digest>-<secret>` */
  readonly token: string;
  readonly advertiseAddress?: string;
  readonly listenAddress: string;
  readonly dataPathAddress?: string;
  readonly availability: 'active' | 'pause' | 'drain';
}

/**
 * `inactive`: in no cluster. `pending`: joined, no session with a manager yet. `active`: in
 * session. `locked`: a manager whose keys wait for the unlock key. `error`: see `error`.
 */
export interface MemberStatus {
  readonly state: 'inactive' | 'pending' | 'active' | 'locked' | 'error';
  readonly nodeId?: NodeId;
  readonly role?: 'worker' | 'manager';
  readonly advertiseAddress?: string;
  readonly error?: string;
  /** Managers known to this node, `host:port`. */
  readonly managers: readonly string[];
}

/** A manager of the cluster, as another one sees it. */
export interface ManagerInfo {
  readonly nodeId: NodeId;
  /** `advertise address:2377` */
  readonly address: string;
  readonly isLeader: boolean;
  readonly reachability: 'reachable' | 'unreachable' | 'unknown';
}

/** A manager's hold on the replicated state. */
export interface Manager {
  /** Read only: everything else changes it through `propose`. */
  readonly store: Store;
  /**
   * Makes reads of `store` linearizable: resolves once it holds everything that was committed
   * before the call. Throws `ClusterError`: no-leader, timeout, busy, closed.
   */
  sync(): Promise<void>;
  /** Managers that take part, by node id. */
  managers(): readonly ManagerInfo[];
  /** For metrics. */
  raft(): { readonly term: number; readonly isLeader: boolean };
  /**
   * Resolves once the command is durable and applied; the outcome says whether the state took it.
   */
  propose(command: Command): Promise<ApplyOutcome>;
  /** Join tokens as `docker swarm join-token` prints them. */
  joinTokens(): { readonly worker: string; readonly manager: string };
  /**
   * The command, but for its time, that makes an operator's update: with new secrets, keys and
   * roots where those are asked for. Throws `ClusterError`.
   */
  planUpdate(request: ClusterUpdateRequest): Promise<ClusterUpdate>;
  /**
   * Output of tasks wherever they run, from their nodes. Ends when all have ended (or, following,
   * when aborted).
   */
  taskLogs(tasks: readonly Task[], query: TaskLogQuery): AsyncIterable<TaskLogEntry>;
}

export interface TaskLogQuery {
  readonly wantStdout: boolean;
  readonly wantStderr: boolean;
  readonly isFollowing: boolean;
  readonly tailLines?: number;
  readonly sinceMs?: number;
  readonly signal: AbortSignal;
}

export interface TaskLogEntry {
  readonly taskId: TaskId;
  readonly stream: 'stdout' | 'stderr';
  readonly time: string;
  readonly line: Buffer;
}

/** What a member asks of the node it is on. */
export interface LocalNode {
  description(): Promise<NodeDescription>;
  taskLogs(taskId: TaskId, query: TaskLogQuery): AsyncIterable<Omit<TaskLogEntry, 'taskId'>>;
}

export interface ClusterMember {
  status(): MemberStatus;
  /** Refused when already in a cluster. Throws `ClusterError`. */
  init(request: InitRequest): Promise<NodeId>;
  /**
   * Resolves when this node is registered; throws `ClusterError` (bad token, wrong role,
   * unreachable, …).
   */
  join(request: JoinRequest): Promise<NodeId>;
  leave(isForced: boolean): Promise<void>;
  /**
   * Opens a locked manager's keys and takes up its state. Throws `ClusterError`: `not-locked`,
   * `invalid-unlock-key`.
   */
  unlock(unlockKey: string): Promise<void>;
  /** Set while this node is an active manager. */
  readonly manager: Manager | undefined;
  /**
   * Rows of this node as last told by a manager, kept, also over a restart, while no manager is
   * reachable; endpoints that gossip knows to be out of use serve no more.
   */
  readonly view: NodeView | undefined;
  onView(listener: (view: NodeView | undefined) => void): () => void;
  onStatus(listener: (status: MemberStatus) => void): () => void;
  /** Newest status per task wins; kept and repeated until a manager acknowledged it. */
  report(statuses: readonly { readonly id: TaskId; readonly status: TaskStatus }[]): void;
  /** The kernel holds what the view of `revision` asks for on a network: others are told. */
  acknowledge(networkId: NetworkId, revision: Revision): void;
  /** What this node's gossip knows; undefined in no cluster, and on an agent without gossip. */
  readonly gossip: GossipReport | undefined;
  /** Asks for `LocalNode.description` anew and tells the managers. */
  refreshDescription(): void;
  close(): Promise<void>;
}
