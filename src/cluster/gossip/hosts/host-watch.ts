/**
 * Tells nodes whose agents are gone from nodes that are gone.
 *
 *   released -> knocking (suspected) -> answering (failed, its kernel answers) -> silent
 *                                   \-> silent    (failed, and nothing answers)
 *
 * Only the first answers of a failed node count for it. Once it was silent it stays so until its
 * agent is heard again: a machine that comes back up answers before its tasks do.
 */
import type { PeerAddress } from '../../../gossip/index.ts';
import type { NodeId } from '../../../model/index.ts';

export interface HostWatchOptions {
  /** Resolves to whether the host answers; never rejects. */
  readonly knock: (to: PeerAddress) => Promise<boolean>;
  /** A host became silent. */
  readonly changed: () => void;
  readonly limits?: Partial<HostWatchLimits>;
}

export interface HostWatchLimits {
  /** Between knocks at a suspect, and at a failed node whose host answers. */
  readonly suspectMs: number;
  readonly failedMs: number;
  /** Knocks in a row without an answer that make a host silent. */
  readonly missesMax: number;
  /** Hosts at a time; of those beyond, the failure detector's word alone holds. */
  readonly hostsMax: number;
}

export const HOST_WATCH_LIMITS: HostWatchLimits = {
  suspectMs: 250,
  failedMs: 1000,
  missesMax: 3,
  hostsMax: 1024,
};

interface Watched {
  readonly to: PeerAddress;
  hasFailed: boolean;
  misses: number;
  timer: NodeJS.Timeout | undefined;
}

export class HostWatch {
  private readonly options: HostWatchOptions;
  private readonly limits: HostWatchLimits;
  private readonly watched = new Map<NodeId, Watched>();
  private readonly silent = new Set<NodeId>();

  constructor(options: HostWatchOptions) {
    this.options = options;
    this.limits = { ...HOST_WATCH_LIMITS, ...options.limits };
  }

  get silentCount(): number {
    return this.silent.size;
  }

  isSilent(id: NodeId): boolean {
    return this.silent.has(id);
  }

  /** Begins to knock, so that the answer is there when the node is declared failed. */
  suspected(id: NodeId, to: PeerAddress): void {
    if (this.silent.has(id) || this.watched.has(id)) return;
    if (this.watched.size >= this.limits.hostsMax) return;
    const watched: Watched = { to, hasFailed: false, misses: 0, timer: undefined };
    this.watched.set(id, watched);
    void this.knock(id, watched);
    this.knockLater(id, watched);
  }

  failed(id: NodeId, to: PeerAddress): void {
    this.suspected(id, to);
    const watched = this.watched.get(id);
    if (watched === undefined) return this.fallSilent(id);
    watched.hasFailed = true;
    this.maybeFallSilent(id, watched);
  }

  /** The node's agent is heard again, has left, or nobody is interested. */
  release(id: NodeId): void {
    this.drop(id);
    if (this.silent.delete(id)) this.options.changed();
  }

  close(): void {
    for (const id of [...this.watched.keys()]) this.drop(id);
    this.silent.clear();
  }

  private knockLater(id: NodeId, watched: Watched): void {
    const { suspectMs, failedMs } = this.limits;
    const isAnswering = watched.hasFailed && watched.misses === 0;
    const delayMs = isAnswering ? failedMs : suspectMs;
    watched.timer = setTimeout(() => {
      void this.knock(id, watched);
      this.knockLater(id, watched);
    }, delayMs);
  }

  private async knock(id: NodeId, watched: Watched): Promise<void> {
    const isThere = await this.options.knock(watched.to);
    if (this.watched.get(id) !== watched) return;
    watched.misses = isThere ? 0 : watched.misses + 1;
    this.maybeFallSilent(id, watched);
  }

  private maybeFallSilent(id: NodeId, { hasFailed, misses }: Watched): void {
    if (hasFailed && misses >= this.limits.missesMax) this.fallSilent(id);
  }

  private fallSilent(id: NodeId): void {
    this.drop(id);
    if (this.silent.has(id)) return;
    this.silent.add(id);
    this.options.changed();
  }

  private drop(id: NodeId): void {
    clearTimeout(this.watched.get(id)?.timer);
    this.watched.delete(id);
  }
}
