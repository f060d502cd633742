/**
 * A manager's end of one node's session: registers the node, feeds it its rows, takes its reports.
 *
 *   expecting hello -> registering -> open -> closed
 *
 * The node's id comes from its certificate, so whatever a message says, it speaks for that node
 * only.
 */
import { messageOf, unreachable, type Logger } from '../../../base/index.ts';
import type { NodeId, NodeDescription } from '../../../model/index.ts';
import type { ApplyOutcome, Command, Store } from '../../../store/index.ts';
import { ClusterError, isClusterError } from '../../errors.ts';
import type { NodeRole } from '../../identity/index.ts';
import {
  PROTOCOL_VERSION,
  type Link,
  type ManagerMessage,
  type NodeMessage,
} from '../../transport/index.ts';
import { placeOf, type Place } from '../place.ts';
import { ViewFeed } from './view-feed.ts';

/** What sessions need of the manager they belong to. */
export interface SessionHost {
  readonly store: Store;
  readonly logger: Logger;
  propose(command: Command): Promise<ApplyOutcome>;
  wallMs(): number;
  welcome(): Omit<Extract<ManagerMessage, { type: 'welcome' }>, 'type'>;
  heard(nodeId: NodeId): void;
  /** The node follows the gossip's keys of `generation`. */
  followsKeys(nodeId: NodeId, generation: number): void;
  /** The node said that it leaves the cluster. */
  left(nodeId: NodeId): void;
  ended(session: NodeSession): void;
  countViewRows(count: number): void;
}

export interface NodeSessionOptions {
  readonly host: SessionHost;
  readonly link: Link<NodeMessage, ManagerMessage>;
  readonly nodeId: NodeId;
  readonly role: NodeRole;
  readonly address: string;
}

/** Reports of one session that may wait for the log. Honest nodes send one at a time. */
const REPORTS_MAX = 8;

export class NodeSession {
  readonly nodeId: NodeId;
  private readonly options: NodeSessionOptions;
  private readonly host: SessionHost;
  private readonly feed: ViewFeed;
  private state: 'new' | 'registering' | 'open' | 'closed' = 'new';
  private isHaveComplete = false;
  private place: Place | undefined;
  private reportsWaiting = 0;
  private toldRole: NodeRole | undefined;
  private description: NodeDescription | undefined;
  private isRegistering = false;
  private hasSaidGoodbye = false;

  constructor(options: NodeSessionOptions) {
    this.options = options;
    this.host = options.host;
    this.nodeId = options.nodeId;
    this.feed = new ViewFeed({
      store: () => this.host.store,
      nodeId: options.nodeId,
      send: (message) => options.link.send(message),
      flushed: () => options.link.flushed(),
      countRows: (count) => this.host.countViewRows(count),
    });
  }

  start(): void {
    this.options.link.start({
      message: (message) => this.take(message),
      closed: (reason) => this.end(reason),
    });
  }

  get isOpen(): boolean {
    return this.state === 'open';
  }

  /** Sends `message` if the session is open. */
  send(message: ManagerMessage): void {
    if (this.state === 'open') this.options.link.send(message);
  }

  storeChanged(): void {
    if (this.state !== 'open') return;
    const node = this.host.store.nodes.get(this.nodeId);
    if (node === undefined) return this.refuse(removed(this.nodeId));
    if (node.state !== 'ready') this.registerAgain();
    this.tellRole();
    this.feed.markDirty();
  }

  close(reason: string): void {
    this.options.link.close(reason);
  }

  private take(message: NodeMessage): void {
    this.host.heard(this.nodeId);
    switch (message.type) {
      case 'hello':
        return this.takeHello(message);
      case 'have':
        return this.takeHave(message);
      case 'heartbeat':
        if (message.gossipGeneration !== undefined)
          this.host.followsKeys(this.nodeId, message.gossipGeneration);
        return;
      case 'report':
        return void this.takeReport(message);
      case 'description':
        return void this.register(message.description);
      case 'goodbye':
        this.hasSaidGoodbye = true;
        return this.host.left(this.nodeId);
      default:
        unreachable(message);
    }
  }

  private takeHello(hello: Extract<NodeMessage, { type: 'hello' }>): void {
    if (this.state !== 'new') return this.close('hello was said twice');
    if (hello.protocol !== PROTOCOL_VERSION)
      return this.refuse(
        new ClusterError(
          { code: 'invalid-request' },
          `this manager speaks version ${PROTOCOL_VERSION} of the protocol, the node ` +
            `${hello.protocol}`,
        ),
      );
    this.state = 'registering';
    try {
      this.place = placeOf(hello, this.options.address);
    } catch (error) {
      return this.refuse(error);
    }
    void this.register(hello.description);
  }

  private takeHave(have: Extract<NodeMessage, { type: 'have' }>): void {
    if (!this.feed.tryLearn(have.rows, have.revision))
      return this.close('too many rows were named');
    this.isHaveComplete ||= have.isLast;
    this.maybeFeed();
  }

  private async register(description: NodeDescription): Promise<void> {
    if (this.place === undefined) return this.close('hello comes first');
    this.description = description;
    this.isRegistering = true;
    try {
      if (!this.host.store.nodes.has(this.nodeId)) throw removed(this.nodeId);
      const outcome = await this.host.propose({
        type: 'node.register',
        atMs: this.host.wallMs(),
        id: this.nodeId,
        role: this.options.role,
        description,
        ...this.place,
      });
      if (!outcome.ok) throw new ClusterError({ code: 'invalid-request' }, outcome.refusal.message);
    } catch (error) {
      return this.refuse(error);
    } finally {
      this.isRegistering = false;
    }
    if (this.state !== 'registering') return;
    this.state = 'open';
    this.send({ type: 'welcome', ...this.host.welcome() });
    this.tellRole();
    this.maybeFeed();
  }

  /**
   * The node is heard, so it is not down: what an earlier leader proposed may have been applied
   * after this session began.
   */
  private registerAgain(): void {
    if (this.isRegistering || this.hasSaidGoodbye || this.description === undefined) return;
    void this.register(this.description);
  }

  /** A manager that is to be a worker stays one until the group has let it go. */
  private tellRole(): void {
    const node = this.host.store.nodes.get(this.nodeId);
    if (node === undefined) return;
    const isManager = node.spec.Role === 'manager' || node.peerId !== undefined;
    const role = isManager ? 'manager' : 'worker';
    if (role !== this.toldRole) this.send({ type: 'role', role });
    this.toldRole = role;
  }

  private maybeFeed(): void {
    if (this.state === 'open' && this.isHaveComplete) this.feed.begin();
  }

  private async takeReport(report: Extract<NodeMessage, { type: 'report' }>): Promise<void> {
    if (this.state !== 'open') return this.close('a report came before the welcome');
    if (this.reportsWaiting >= REPORTS_MAX) return this.close('too many reports at once');
    this.reportsWaiting += 1;
    let isTaken = true;
    try {
      const { nodeId } = this;
      const atMs = this.host.wallMs();
      const { statuses } = report;
      const outcome = await this.host.propose({ type: 'tasks.report', atMs, nodeId, statuses });
      // A refusal would be the same again, so it counts as taken.
      if (!outcome.ok)
        this.host.logger.warn({ nodeId, refusal: outcome.refusal }, 'a report was refused');
    } catch (error) {
      isTaken = false;
      this.host.logger.warn(
        { error: messageOf(error) },
        'a report could not be written; it comes again',
      );
    }
    this.reportsWaiting -= 1;
    this.send({ type: 'reported', id: report.id, isTaken });
  }

  private refuse(error: unknown): void {
    const code = error instanceof ClusterError ? error.detail.code : 'failed';
    const level = isClusterError(error, 'node-removed') ? 'info' : 'warn';
    this.host.logger[level](
      { nodeId: this.nodeId, error: messageOf(error) },
      'a session was refused',
    );
    this.options.link.send({ type: 'refused', code, message: messageOf(error) });
    this.close(messageOf(error));
  }

  private end(reason: string): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.feed.stop();
    this.host.logger.debug({ nodeId: this.nodeId, reason }, 'a session ended');
    this.host.ended(this);
  }
}

function removed(nodeId: NodeId): ClusterError {
  return new ClusterError(
    { code: 'node-removed' },
    `node ${nodeId} was removed from this cluster; run "docker swarm leave" on it, then join again`,
  );
}
