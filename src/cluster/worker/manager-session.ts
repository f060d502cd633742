/**
 * A node's end of its session with a manager: says who it is and what it holds, takes its rows,
 * sends its reports.
 *
 *   connecting -> greeting (hello sent) -> open (welcomed) -> ended
 */
import { unreachable, type Clock, type Logger } from '../../base/index.ts';
import type { NodeDescription } from '../../model/index.ts';
import type { NodeRole } from '../identity/index.ts';
import type { LocalNode } from '../member.ts';
import {
  HAVE_ROWS_MAX,
  PROTOCOL_VERSION,
  type Link,
  type ManagerMessage,
  type NodeMessage,
  type RenewReply,
} from '../transport/index.ts';
import { HEARTBEAT_GRACE } from '../tuning.ts';
import type { HeldView } from './held-view.ts';
import { LogServing, type UploadLogs } from './log-serving.ts';
import type { ReportOutbox } from './report-outbox.ts';

export type Welcome = Extract<ManagerMessage, { type: 'welcome' }>;

/** A way to a manager, open until `link` closes. */
export interface Connection {
  readonly link: Link<ManagerMessage, NodeMessage>;
  readonly upload: UploadLogs;
  /** A certificate for a new key, from whoever is at the other end. */
  renew(requestPem: string): Promise<RenewReply>;
  /** Of this end; absent within a process. */
  readonly localAddress?: string | undefined;
  close(): void;
}

export interface ManagerSessionOptions {
  readonly connection: Connection;
  readonly held: HeldView;
  readonly outbox: ReportOutbox;
  readonly localNode: LocalNode;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly addresses: {
    readonly advertiseAddress?: string | undefined;
    readonly dataPathAddress?: string | undefined;
  };
  readonly welcomed: (welcome: Welcome) => void;
  /** What this node is to be. */
  readonly roleTold: (role: NodeRole) => void;
  /** Of the gossip's keys that this node follows. */
  readonly gossipGeneration: () => number | undefined;
  readonly viewChanged: () => void;
}

/** How a session ended. `refusal` is set when the manager would not have this node. */
export interface SessionEnd {
  readonly reason: string;
  readonly refusal?: {
    readonly code: string;
    readonly message: string;
    readonly leader?: string | undefined;
  };
}

/** Before a manager has said how often it wants to hear, and is heard. */
const GREETING_MS = 10_000;
const REPORT_RETRY_MS = 500;

export class ManagerSession {
  /** Never rejects. */
  readonly ended: Promise<SessionEnd>;
  private readonly options: ManagerSessionOptions;
  private readonly serving: LogServing;
  private finish: (end: SessionEnd) => void = () => undefined;
  private state: 'greeting' | 'open' | 'ended' = 'greeting';
  private refusal: SessionEnd['refusal'];
  private heartbeat: NodeJS.Timeout | undefined;
  private retry: NodeJS.Timeout | undefined;
  private heartbeatMs = 0;
  private toldGeneration: number | undefined;
  private heardAtMs: number;
  private checkDueMs = 0;

  constructor(options: ManagerSessionOptions) {
    this.options = options;
    this.heardAtMs = options.clock.monotonicMs();
    const { localNode, connection, logger } = options;
    this.serving = new LogServing({ localNode, upload: connection.upload, logger });
    this.ended = new Promise((resolve) => (this.finish = resolve));
  }

  start(description: NodeDescription): void {
    const { connection, held, addresses } = this.options;
    this.setHeartbeat(GREETING_MS / HEARTBEAT_GRACE);
    connection.link.start({
      message: (message) => this.take(message),
      closed: (reason) => this.end(reason),
    });
    this.send({ type: 'hello', protocol: PROTOCOL_VERSION, description, ...addresses });
    const { marks, heldRevision: revision } = held;
    do {
      const rows = marks.splice(0, HAVE_ROWS_MAX);
      this.send({ type: 'have', rows, revision, isLast: marks.length === 0 });
    } while (marks.length > 0);
  }

  /** Reports are waiting. */
  flushReports(): void {
    if (this.state !== 'open') return;
    const next = this.options.outbox.next();
    if (next !== undefined) this.send({ type: 'report', id: next.id, statuses: [...next.reports] });
  }

  async renew(requestPem: string): Promise<RenewReply> {
    return this.options.connection.renew(requestPem);
  }

  sendDescription(description: NodeDescription): void {
    if (this.state === 'open') this.send({ type: 'description', description });
  }

  /** Tells the manager that this node leaves the cluster for good, and ends the session. */
  sayGoodbye(): void {
    this.send({ type: 'goodbye' });
    this.close('this node leaves the cluster');
  }

  close(reason: string): void {
    this.options.connection.link.close(reason);
    this.end(reason);
  }

  private send(message: NodeMessage): void {
    this.options.connection.link.send(message);
  }

  private take(message: ManagerMessage): void {
    this.heardAtMs = this.options.clock.monotonicMs();
    switch (message.type) {
      case 'welcome':
        return this.takeWelcome(message);
      case 'rows':
        if (this.options.held.apply(message)) this.options.viewChanged();
        return;
      case 'heartbeat':
        return;
      case 'reported':
        return this.takeAnswer(message);
      case 'logs':
        return this.serving.serve(message);
      case 'logs-cancel':
        return this.serving.cancel(message.requestId);
      case 'refused':
        this.refusal = message;
        return;
      case 'role':
        return this.options.roleTold(message.role);
      default:
        unreachable(message);
    }
  }

  private takeWelcome(welcome: Welcome): void {
    this.state = 'open';
    if (welcome.heartbeatMs !== this.heartbeatMs) this.setHeartbeat(welcome.heartbeatMs);
    this.options.welcomed(welcome);
    // At once: a change of the gossip's keys waits for the slowest node.
    if (this.options.gossipGeneration() !== this.toldGeneration) this.sendHeartbeat();
    this.flushReports();
  }

  private sendHeartbeat(): void {
    const gossipGeneration = this.options.gossipGeneration();
    this.toldGeneration = gossipGeneration;
    this.send({ type: 'heartbeat', ...(gossipGeneration !== undefined && { gossipGeneration }) });
  }

  private takeAnswer(answer: Extract<ManagerMessage, { type: 'reported' }>): void {
    this.options.outbox.answered(answer.id, answer.isTaken);
    if (answer.isTaken) this.flushReports();
    else this.retry = setTimeout(() => this.flushReports(), REPORT_RETRY_MS);
  }

  private setHeartbeat(periodMs: number): void {
    clearInterval(this.heartbeat);
    this.heartbeatMs = periodMs;
    this.checkDueMs = this.options.clock.monotonicMs() + periodMs;
    this.heartbeat = setInterval(() => this.beat(), periodMs);
  }

  private beat(): void {
    const nowMs = this.options.clock.monotonicMs();
    const lateMs = nowMs - this.checkDueMs;
    this.checkDueMs = nowMs + this.heartbeatMs;
    // This process stood still, so that it heard nothing says nothing of the manager.
    if (lateMs > this.heartbeatMs) this.heardAtMs += lateMs;
    if (nowMs - this.heardAtMs > HEARTBEAT_GRACE * this.heartbeatMs)
      return this.close('the manager has not been heard for its grace period');
    if (this.state === 'open') this.sendHeartbeat();
  }

  private end(reason: string): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    clearInterval(this.heartbeat);
    clearTimeout(this.retry);
    this.serving.cancelAll();
    this.options.outbox.reset();
    this.options.connection.close();
    this.finish({ reason, ...(this.refusal !== undefined && { refusal: this.refusal }) });
  }
}
