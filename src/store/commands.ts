/**
 * Commands: the only way to change the replicated state. They travel in the log, so they are plain
 * JSON, carry their ids and their time, and are applied by every manager with the same result.
 */
import type {
  AuthorityRotation,
  Cluster,
  ClusterSpec,
  GossipKeys,
  NetworkId,
  NetworkSpec,
  Node,
  NodeDescription,
  NodeId,
  NodeSpec,
  NodeState,
  Revision,
  ServiceId,
  ServiceSpec,
  TaskId,
  TaskSpec,
  TaskStatus,
  Task,
} from '../model/index.ts';

/** A task the orchestrator wants. The store gives it addresses. */
export interface NewTask {
  readonly id: TaskId;
  readonly serviceId: ServiceId;
  readonly slot: number;
  /** Absent: no node fits; the task stays pending with `reason`. */
  readonly nodeId?: NodeId;
  readonly reason?: string;
  readonly desiredState: Task['desiredState'];
  readonly startAfterMs?: number;
  readonly spec: TaskSpec;
  readonly specVersion: number;
}

/**
 * `rotate` begins to move the nodes to another root, also when they are on the way to a third one.
 * `rekey` leaves the roots as they are: the present one (`of: 'present'`, which calls off a
 * rotation) or the next one is signed for with `keyPem`, or, when that is empty, by external
 * signers.
 */
export type AuthorityChange =
  | {
      readonly kind: 'rotate';
      readonly rotation: AuthorityRotation;
      readonly forceRotate: number;
    }
  | {
      readonly kind: 'rekey';
      readonly of: 'present' | 'next';
      readonly keyPem: string;
      readonly forceRotate: number;
    };

export type Command =
  | {
      readonly type: 'cluster.create';
      readonly atMs: number;
      readonly cluster: Omit<Cluster, 'meta'>;
      readonly ingressId: NetworkId;
    }
  | {
      readonly type: 'cluster.update';
      readonly atMs: number;
      readonly version: Revision;
      readonly spec: ClusterSpec;
      /** New secrets where a rotation was asked for. */
      readonly joinSecrets: Partial<Cluster['joinSecrets']>;
      readonly authority?: AuthorityChange;
      /** Where managers come to lock their keys, or change the key that unlocks them. */
      readonly unlockKey?: string;
    }
  /** The next step of a change of the gossip's keys; a step is taken once. */
  | {
      readonly type: 'cluster.gossip-keys';
      readonly atMs: number;
      readonly gossipKeys: Omit<GossipKeys, 'sinceMs'>;
    }
  /** A node joined or came back: creates or refreshes it and marks it ready. */
  | {
      readonly type: 'node.register';
      readonly atMs: number;
      readonly id: NodeId;
      readonly role: Node['spec']['Role'];
      readonly description: NodeDescription;
      readonly address: string;
      readonly vtep: string;
    }
  /** The node takes part as a manager, under this peer; or, without `manager`, no longer does. */
  | {
      readonly type: 'node.manager';
      readonly atMs: number;
      readonly id: NodeId;
      readonly manager?: { readonly address: string; readonly peerId: string };
    }
  | {
      readonly type: 'node.state';
      readonly atMs: number;
      readonly id: NodeId;
      readonly state: NodeState;
      readonly message: string;
    }
  | {
      readonly type: 'node.update';
      readonly atMs: number;
      readonly id: NodeId;
      readonly version: Revision;
      readonly spec: NodeSpec;
    }
  | {
      readonly type: 'node.remove';
      readonly atMs: number;
      readonly id: NodeId;
      readonly isForced: boolean;
    }
  | {
      readonly type: 'network.create';
      readonly atMs: number;
      readonly id: NetworkId;
      readonly spec: NetworkSpec;
    }
  | { readonly type: 'network.remove'; readonly atMs: number; readonly id: NetworkId }
  | {
      readonly type: 'service.create';
      readonly atMs: number;
      readonly id: ServiceId;
      readonly spec: ServiceSpec;
    }
  | {
      readonly type: 'service.update';
      readonly atMs: number;
      readonly id: ServiceId;
      readonly version: Revision;
      readonly spec: ServiceSpec;
    }
  | { readonly type: 'service.remove'; readonly atMs: number; readonly id: ServiceId }
  /** The orchestrator's decisions, as one change. */
  | {
      readonly type: 'tasks.change';
      readonly atMs: number;
      readonly creates: readonly NewTask[];
      readonly places: readonly { readonly id: TaskId; readonly nodeId: NodeId }[];
      readonly desires: readonly {
        readonly id: TaskId;
        readonly desiredState: Task['desiredState'];
      }[];
      readonly statuses: readonly { readonly id: TaskId; readonly status: TaskStatus }[];
      readonly removes: readonly TaskId[];
    }
  /** What a node says of its own tasks; rows of other nodes' tasks are ignored. */
  | {
      readonly type: 'tasks.report';
      readonly atMs: number;
      readonly nodeId: NodeId;
      readonly statuses: readonly { readonly id: TaskId; readonly status: TaskStatus }[];
    };

/** Why a command was refused. The state is unchanged, and no revision was used. */
export interface Refusal {
  readonly code:
    | 'not-found'
    | 'name-taken'
    | 'in-use'
    | 'port-taken'
    | 'subnet-overlap'
    | 'exhausted'
    | 'out-of-sequence'
    | 'invalid';
  /** What, why, and what to do; shown to the operator as it is. */
  readonly message: string;
}

export type ApplyOutcome =
  | { readonly ok: true; readonly revision: Revision }
  | { readonly ok: false; readonly refusal: Refusal };
