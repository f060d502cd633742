/** What is said on the simulated network. */
import type { NodeDescription, NodeId, Revision, ViewKey } from '../../../src/model/index.ts';
import type { LogIndex, PeerId, SnapshotMeta, SnapshotRequest } from '../../../src/raft/index.ts';
import type { Command, Refusal, StampedRow } from '../../../src/store/index.ts';
import type { TaskReport } from '../../../src/cluster/worker/report-outbox.ts';
import type { Address } from './network.ts';

/** One part of a snapshot on its way to a follower. */
export interface SnapshotChunk {
  readonly kind: 'chunk';
  readonly transfer: number;
  readonly part: number;
  readonly parts: number;
  readonly bytes: Buffer;
  /** To be stepped when all parts are there, with `meta` as its snapshot. */
  readonly request: SnapshotRequest;
  readonly meta: SnapshotMeta;
}

export type Packet =
  /** A message of the consensus core in its binary form. */
  | { readonly kind: 'raft'; readonly peer: PeerId; readonly bytes: Uint8Array }
  | SnapshotChunk
  | { readonly kind: 'gossip'; readonly bytes: Uint8Array }
  | { readonly kind: 'chunk-ack'; readonly transfer: number; readonly part: number };

/** A node to the manager that leads. */
export type NodeSays =
  | {
      readonly kind: 'hello';
      readonly nodeId: NodeId;
      /** Has a token, so that it may be unknown. */
      readonly isJoining: 'worker' | 'manager' | undefined;
      readonly peer: PeerId | undefined;
      readonly description: NodeDescription;
      readonly held: readonly (readonly [ViewKey, Revision])[];
      readonly revision: Revision;
    }
  | { readonly kind: 'peer'; readonly peer: PeerId | undefined }
  | { readonly kind: 'report'; readonly id: number; readonly reports: readonly TaskReport[] }
  | { readonly kind: 'beat' };

export type LeaderSays =
  | { readonly kind: 'not-leader'; readonly leader: Address | undefined }
  /** The node was removed from the cluster, or never was in it. */
  | { readonly kind: 'unknown-node' }
  | { readonly kind: 'welcome'; readonly managers: readonly Address[] }
  | { readonly kind: 'role'; readonly role: 'worker' | 'manager'; readonly isMember: boolean }
  | {
      readonly kind: 'rows';
      readonly isReset: boolean;
      readonly upserts: readonly StampedRow[];
      readonly removes: readonly ViewKey[];
      readonly revision: Revision;
    }
  | { readonly kind: 'reported'; readonly id: number; readonly isTaken: boolean }
  | { readonly kind: 'beat' };

/** What a client asks a manager for, one question to a stream. */
export type ApiAsks =
  | { readonly kind: 'write'; readonly command: Command }
  | { readonly kind: 'read'; readonly what: ReadTarget };

export type ReadTarget =
  | { readonly table: 'service' | 'network'; readonly name: string }
  | { readonly table: 'node'; readonly id: NodeId };

/** One object as a read shows it; `undefined` when there is none. */
export interface ReadResult {
  readonly id: string;
  readonly tag: string;
  readonly revision: Revision;
}

export type ApiAnswers =
  | {
      readonly kind: 'written';
      /** Of the entry that holds the command. */
      readonly index: LogIndex;
      readonly refusal: Refusal | undefined;
    }
  | {
      readonly kind: 'read-result';
      /** As of which entry. */
      readonly index: LogIndex;
      readonly found: ReadResult | undefined;
      readonly names: readonly string[];
    }
  /** Nothing was done, and nothing will be. */
  | { readonly kind: 'not-done' }
  /** A write may be done, now or later, or not at all. */
  | { readonly kind: 'unknown' };

/** Of a stream between two that gossip. */
export interface GossipFrame {
  readonly kind: 'frame';
  readonly bytes: Uint8Array;
}

export type StreamMessage = NodeSays | LeaderSays | ApiAsks | ApiAnswers | GossipFrame;
