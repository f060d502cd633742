/**
 * The leader's hand on the gossip's keys: makes the first one, and brings every node to a new one
 * each half day.
 *
 * The step that is under way lies in the store, and nothing else has to outlive a leader: the next
 * one hears from every session which ring its node follows. Nodes that are down are not waited for;
 * they are told the whole ring before anything else when they come back.
 */
import { randomBytes } from 'node:crypto';
import { messageOf, type Clock, type Logger } from '../../../base/index.ts';
import {
  KEY_BYTES,
  beginRotation,
  firstRotation,
  noteFollowed,
  type KeyRotation,
} from '../../../gossip/index.ts';
import type { GossipKeys, NodeId } from '../../../model/index.ts';
import type { ApplyOutcome, Command, Store } from '../../../store/index.ts';
import { gossipKeysOf, ringPlanOf } from './ring-plan.ts';

export interface KeyRotatorOptions {
  readonly store: () => Store;
  readonly propose: (command: Command) => Promise<ApplyOutcome>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a settled ring is used before the next key is made. */
  readonly lifeMs?: number;
}

/** Swarm's. */
export const KEY_LIFE_MS = 12 * 3_600_000;
/** Between looks when nothing calls for one, and after a step that was not taken. */
const LOOK_MS = 30_000;
const RETRY_MS = 2000;

export class KeyRotator {
  private readonly options: KeyRotatorOptions;
  private readonly followedBy = new Map<NodeId, number>();
  private timer: NodeJS.Timeout | undefined;
  private state: 'stopped' | 'idle' | 'stepping' = 'stopped';
  private isDirty = false;

  constructor(options: KeyRotatorOptions) {
    this.options = options;
  }

  start(): void {
    this.state = 'idle';
    this.wake();
  }

  stop(): void {
    this.state = 'stopped';
    clearTimeout(this.timer);
  }

  /** A node has said which ring it follows. */
  followed(nodeId: NodeId, generation: number): void {
    if (this.followedBy.get(nodeId) === generation) return;
    this.followedBy.set(nodeId, generation);
    this.wake();
  }

  /** Looks again: nodes came or went, or the cluster's row is another one. */
  wake(): void {
    this.isDirty = true;
    if (this.state !== 'idle') return;
    this.state = 'stepping';
    void this.run();
  }

  private async run(): Promise<void> {
    clearTimeout(this.timer);
    // Not within the store's own change.
    await new Promise((resolve) => setImmediate(resolve));
    let waitMs = LOOK_MS;
    while (this.takeDirty()) waitMs = await this.step();
    if (this.state !== 'stepping') return;
    this.state = 'idle';
    this.timer = setTimeout(() => this.wake(), waitMs);
  }

  private takeDirty(): boolean {
    const wasDirty = this.isDirty;
    this.isDirty = false;
    return wasDirty && this.state === 'stepping';
  }

  /** Takes at most one step; milliseconds until the next look. */
  private async step(): Promise<number> {
    const { clock, logger, propose } = this.options;
    const next = this.next();
    if (next === undefined) return LOOK_MS;
    try {
      const atMs = clock.wallMs();
      const gossipKeys = gossipKeysOf(next);
      const outcome = await propose({ type: 'cluster.gossip-keys', atMs, gossipKeys });
      if (!outcome.ok) throw new Error(outcome.refusal.message);
      const { generation } = gossipKeys;
      logger.info({ generation, step: next.kind }, "the gossip's keys are on their way to nodes");
      this.isDirty = true;
      return LOOK_MS;
    } catch (error) {
      logger.warn({ error: messageOf(error) }, "a step of the gossip's keys was not taken");
      return RETRY_MS;
    }
  }

  /** The rotation one step further, if a step is due. */
  private next(): KeyRotation | undefined {
    const { cluster, nodes } = this.options.store();
    if (cluster === undefined) return undefined;
    const { gossipKeys } = cluster;
    if (gossipKeys === undefined) return firstRotation(randomBytes(KEY_BYTES));
    const awaited = [...nodes.values()].filter(({ state }) => state !== 'down').map(({ id }) => id);
    for (const id of this.followedBy.keys()) if (!nodes.has(id)) this.followedBy.delete(id);
    const plan = ringPlanOf(gossipKeys);
    if (gossipKeys.stage !== 'settled')
      return this.advanced({ kind: gossipKeys.stage, plan, waitsFor: new Set(awaited) }, awaited);
    if (!this.isOld(gossipKeys)) return undefined;
    return beginRotation({ kind: 'settled', plan }, randomBytes(KEY_BYTES), awaited);
  }

  private advanced(present: KeyRotation, awaited: readonly NodeId[]): KeyRotation | undefined {
    let rotation = present;
    for (const node of awaited) {
      const generation = this.followedBy.get(node) ?? 0;
      rotation = noteFollowed(rotation, { node, generation }, awaited);
      if (rotation.plan !== present.plan) return rotation;
    }
    return undefined;
  }

  /** Also by a clock that went back: the other one was wrong, or this one is. */
  private isOld({ sinceMs }: GossipKeys): boolean {
    const { clock, lifeMs = KEY_LIFE_MS } = this.options;
    return Math.abs(clock.wallMs() - sinceMs) >= lifeMs;
  }
}
