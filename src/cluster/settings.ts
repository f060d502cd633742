import type { Clock, Logger } from '../base/index.ts';
import type { LocalNode } from './member.ts';
import type { ClusterMetrics, MemberTuning } from './tuning.ts';

export interface MemberOptions {
  /** The agent's data directory; everything of this room lies in `cluster` below it. */
  readonly dataDirectory: string;
  readonly localNode: LocalNode;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly metrics?: ClusterMetrics;
  readonly tuning?: Partial<MemberTuning>;
  /** UDP and TCP, on the address of the data path; absent, this node takes no part in gossip. */
  readonly gossipPort?: number;
}

/** The same, complete. */
export interface MemberSettings extends Required<
  Omit<MemberOptions, 'tuning' | 'dataDirectory' | 'gossipPort'>
> {
  readonly gossipPort: number | undefined;
  readonly tuning: MemberTuning;
  /** Where everything of this room lies. */
  readonly directory: string;
}
