/**
 * All sessions of a manager, and the clock over them: who was heard when, and who must be called
 * down.
 *
 * Every node that should be there has a deadline, with or without a session, so a node that never
 * comes back after the manager restarted is found as one that falls silent. A connection that
 * breaks changes nothing by itself: the node has its grace to come back.
 */
import { assert, type Clock, type Logger } from '../../../base/index.ts';
import type { NodeId } from '../../../model/index.ts';
import type { ManagerMessage } from '../../transport/index.ts';
import { HEARTBEAT_GRACE } from '../../tuning.ts';
import type { NodeSession } from './node-session.ts';

export const SESSIONS_MAX = 5_000;

export interface SessionTableOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly heartbeatMs: () => number;
  /** Resolves to whether the store knows it now. */
  readonly callDown: (nodeId: NodeId, message: string) => Promise<boolean>;
  readonly setSessions?: (count: number) => void;
}

export class SessionTable {
  private readonly options: SessionTableOptions;
  private readonly sessions = new Map<NodeId, NodeSession>();
  private readonly deadlines = new Map<NodeId, number>();
  /** Being called down. */
  private readonly expiring = new Set<NodeId>();
  private timer: NodeJS.Timeout | undefined;
  private tickDueMs = 0;

  constructor(options: SessionTableOptions) {
    this.options = options;
  }

  start(): void {
    this.schedule();
  }

  stop(reason: string): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const session of this.sessions.values()) session.close(reason);
    this.sessions.clear();
    this.deadlines.clear();
  }

  get(nodeId: NodeId): NodeSession | undefined {
    return this.sessions.get(nodeId);
  }

  get isFull(): boolean {
    return this.sessions.size >= SESSIONS_MAX;
  }

  /** A node has one session: a newer one ends the older. */
  add(session: NodeSession): void {
    assert(!this.isFull || this.sessions.has(session.nodeId), 'there is room for the session');
    const older = this.sessions.get(session.nodeId);
    this.sessions.set(session.nodeId, session);
    older?.close('the node opened a newer session');
    // A session that never says anything ends with its grace as well.
    if (!this.deadlines.has(session.nodeId)) this.heard(session.nodeId);
    this.options.setSessions?.(this.sessions.size);
  }

  drop(session: NodeSession): void {
    if (this.sessions.get(session.nodeId) !== session) return;
    this.sessions.delete(session.nodeId);
    this.options.setSessions?.(this.sessions.size);
  }

  /** Grants the node another grace period from here on. */
  heard(nodeId: NodeId): void {
    const graceMs = HEARTBEAT_GRACE * this.options.heartbeatMs();
    this.deadlines.set(nodeId, this.options.clock.monotonicMs() + graceMs);
  }

  /** Nodes that are to be there: one that was not expected before gets its grace period. */
  expect(nodes: Iterable<NodeId>): void {
    for (const nodeId of nodes)
      if (!this.deadlines.has(nodeId) && !this.expiring.has(nodeId)) this.heard(nodeId);
  }

  forget(nodeId: NodeId): void {
    this.deadlines.delete(nodeId);
  }

  storeChanged(): void {
    for (const session of [...this.sessions.values()]) session.storeChanged();
  }

  sendAll(message: ManagerMessage): void {
    for (const session of this.sessions.values()) session.send(message);
  }

  private schedule(): void {
    const intervalMs = this.options.heartbeatMs() / 2;
    this.tickDueMs = this.options.clock.monotonicMs() + intervalMs;
    this.timer = setTimeout(() => {
      this.tick(intervalMs);
      this.schedule();
    }, intervalMs);
  }

  private tick(intervalMs: number): void {
    const nowMs = this.options.clock.monotonicMs();
    const lateMs = nowMs - this.tickDueMs;
    this.sendAll({ type: 'heartbeat' });
    if (lateMs > intervalMs) {
      // This process stood still, so what it did not hear says nothing of the nodes.
      for (const [nodeId, deadlineMs] of this.deadlines)
        this.deadlines.set(nodeId, deadlineMs + lateMs);
      return;
    }
    for (const [nodeId, deadlineMs] of this.deadlines) {
      if (deadlineMs <= nowMs) void this.expire(nodeId);
    }
  }

  private async expire(nodeId: NodeId): Promise<void> {
    this.options.logger.warn({ nodeId }, 'a node has not been heard for its grace period');
    this.deadlines.delete(nodeId);
    this.expiring.add(nodeId);
    this.sessions.get(nodeId)?.close('heartbeat failure');
    const isKnown = await this.options.callDown(nodeId, 'heartbeat failure');
    this.expiring.delete(nodeId);
    // The log was busy or full: the node stays suspect and is called down at a later tick.
    if (!isKnown && !this.deadlines.has(nodeId) && this.timer !== undefined) this.heard(nodeId);
  }
}
