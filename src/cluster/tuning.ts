import type { DriverLimits } from './consensus/index.ts';
import type { Timing } from '../raft/index.ts';

/** Times and limits. The defaults are for production; tests make them short. */
export interface MemberTuning {
  /** Replaces the cluster's Dispatcher.HeartbeatPeriod. */
  readonly heartbeatMs?: number;
  /** Store changes within this time reach nodes together. */
  readonly coalesceMs: number;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  /** How long `join` waits for the first session. */
  readonly joinWaitMs: number;
  /** How often it is looked whether this node's certificate is due for renewal. */
  readonly renewalCheckMs: number;
  /** How often managers show that they are there, and how much waits. */
  readonly consensus: { readonly timing?: Timing; readonly limits?: Partial<DriverLimits> };
}

export const MEMBER_TUNING: MemberTuning = {
  coalesceMs: 15,
  reconnectMinMs: 100,
  reconnectMaxMs: 8_000,
  joinWaitMs: 20_000,
  renewalCheckMs: 60_000,
  consensus: {},
};

/** A node is down when it has not been heard for this many heartbeat periods. */
export const HEARTBEAT_GRACE = 3;

/** What the agent may count. Every method is optional: a cluster runs without being watched. */
export interface ClusterMetrics {
  /** From a proposal to its being durable and applied. */
  observeCommitSeconds?(seconds: number): void;
  countProposalRefused?(code: string): void;
  setSessions?(count: number): void;
  countHeartbeatFailure?(): void;
  countViewRowsSent?(count: number): void;
  countReconnect?(): void;
}
