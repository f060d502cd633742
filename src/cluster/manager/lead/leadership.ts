/**
 * What the leading manager does and no other: sessions with all nodes, the orchestrator, and the
 * group's following the roles. Made anew for each time that this manager leads, with a store that
 * holds everything committed before.
 */
import type { ServerHttp2Stream } from 'node:http2';
import { messageOf, type Clock, type Logger } from '../../../base/index.ts';
import type { NodeId, Task } from '../../../model/index.ts';
import type { ApplyOutcome, Command, Store } from '../../../store/index.ts';
import { KeyRotator, gossipKeysIn } from '../../gossip/index.ts';
import { rootsOf } from '../../identity/index.ts';
import type { TaskLogEntry, TaskLogQuery } from '../../member.ts';
import { receiveLogs, type RequiredPeer } from '../../transport/index.ts';
import type { ClusterMetrics, MemberTuning } from '../../tuning.ts';
import { createRng } from '../join-desk.ts';
import type { Replica } from '../replica.ts';
import { LogBroker, type LogUpload } from '../sessions/log-broker.ts';
import {
  NodeSession,
  type NodeSessionOptions,
  type SessionHost,
} from '../sessions/node-session.ts';
import { SessionTable } from '../sessions/session-table.ts';
import { Orchestration } from './orchestration.ts';
import { Roles } from './roles.ts';

export interface LeadershipOptions {
  readonly replica: Replica;
  readonly propose: (command: Command) => Promise<ApplyOutcome>;
  /** Managers that nodes may turn to, this one first. */
  readonly addresses: () => string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ClusterMetrics;
  readonly tuning: MemberTuning;
}

const HEARTBEAT_DEFAULT_MS = 5_000;

export class Leadership {
  private readonly options: LeadershipOptions;
  private readonly sessions: SessionTable;
  private readonly broker: LogBroker;
  private readonly orchestration: Orchestration;
  private readonly roles: Roles;
  private readonly rotator: KeyRotator;
  private readonly host: SessionHost;
  private readonly stopWatching: readonly (() => void)[];
  private coalescing: NodeJS.Timeout | undefined;
  private lastWelcome = '';

  constructor(options: LeadershipOptions) {
    const { replica, clock, logger, metrics, tuning, propose } = options;
    this.options = options;
    const { store } = replica;
    this.sessions = new SessionTable({
      clock,
      logger,
      heartbeatMs: () => this.heartbeatMs(),
      callDown: (nodeId, message) => {
        metrics.countHeartbeatFailure?.();
        return this.callDown(nodeId, message);
      },
      setSessions: (count) => metrics.setSessions?.(count),
    });
    this.broker = new LogBroker((nodeId) => this.sessions.get(nodeId));
    const rng = createRng();
    const intervalMs = tuning.coalesceMs;
    this.orchestration = new Orchestration({ store, propose, clock, logger, rng, intervalMs });
    this.roles = new Roles({
      nodes: () => store.nodes.values(),
      status: () => replica.status,
      changeMembership: (change) => replica.changeMembership(change),
      transferLeadership: () => replica.transferLeadership(),
      propose,
      wallMs: () => clock.wallMs(),
      logger,
    });
    this.rotator = new KeyRotator({ store: () => store, propose, clock, logger });
    this.host = this.createHost();
    this.stopWatching = [
      store.watch(() => this.storeChanged()),
      replica.onStatus(() => this.roles.look()),
    ];
    this.sessions.start();
    this.expectNodes();
    this.orchestration.start();
    this.roles.start();
    this.rotator.start();
  }

  stop(reason: string): void {
    for (const stop of this.stopWatching) stop();
    clearTimeout(this.coalescing);
    this.roles.stop();
    this.rotator.stop();
    this.orchestration.stop();
    this.sessions.stop(reason);
  }

  openSession(options: Omit<NodeSessionOptions, 'host'>): void {
    if (this.sessions.isFull && this.sessions.get(options.nodeId) === undefined)
      return options.link.close('this manager has no room for another session');
    const session = new NodeSession({ ...options, host: this.host });
    this.sessions.add(session);
    session.start();
  }

  acceptLogs(requestId: string, stream: ServerHttp2Stream, peer: RequiredPeer): boolean {
    const upload = { entries: receiveLogs(stream), cancel: () => void stream.destroy() };
    return this.tryUpload(requestId, peer.node.id, upload);
  }

  tryUpload(requestId: string, nodeId: NodeId, upload: LogUpload): boolean {
    return this.broker.tryAccept(requestId, nodeId, upload);
  }

  taskLogs(tasks: readonly Task[], query: TaskLogQuery): AsyncIterable<TaskLogEntry> {
    return this.broker.logs(tasks, query);
  }

  private get store(): Store {
    return this.options.replica.store;
  }

  private createHost(): SessionHost {
    const { clock, logger, metrics, addresses, propose, replica } = this.options;
    return {
      store: replica.store,
      logger,
      propose,
      wallMs: () => clock.wallMs(),
      welcome: () => {
        const { cluster } = this.store;
        return {
          heartbeatMs: this.heartbeatMs(),
          managers: addresses(),
          ...(cluster !== undefined && { roots: rootsOf(cluster), ...gossipKeysIn(cluster) }),
        };
      },
      heard: (nodeId) => this.sessions.heard(nodeId),
      followsKeys: (nodeId, generation) => this.rotator.followed(nodeId, generation),
      left: (nodeId) => {
        this.sessions.forget(nodeId);
        void this.callDown(nodeId, 'the node left the cluster');
      },
      ended: (session) => {
        this.sessions.drop(session);
        if (this.sessions.get(session.nodeId) === undefined) this.broker.nodeGone(session.nodeId);
      },
      countViewRows: (count) => metrics.countViewRowsSent?.(count),
    };
  }

  private storeChanged(): void {
    this.orchestration.wake();
    this.rotator.wake();
    this.coalescing ??= setTimeout(() => {
      this.coalescing = undefined;
      this.expectNodes();
      this.roles.look();
      this.welcomeAgain();
      this.sessions.storeChanged();
    }, this.options.tuning.coalesceMs);
  }

  /** Nodes join through any manager; whoever is not down has to show up here. */
  private expectNodes(): void {
    const nodes = [...this.store.nodes.values()].filter((node) => node.state !== 'down');
    this.sessions.expect(nodes.map((node) => node.id));
  }

  /** Tells nodes when what `welcome` said has changed. */
  private welcomeAgain(): void {
    const welcome = { type: 'welcome', ...this.host.welcome() } as const;
    const text = JSON.stringify(welcome);
    if (text !== this.lastWelcome) this.sessions.sendAll(welcome);
    this.lastWelcome = text;
  }

  private heartbeatMs(): number {
    const fromSpec = (this.store.cluster?.spec.Dispatcher.HeartbeatPeriod ?? 0) / 1e6;
    return this.options.tuning.heartbeatMs ?? (fromSpec > 0 ? fromSpec : HEARTBEAT_DEFAULT_MS);
  }

  private async callDown(id: NodeId, message: string): Promise<boolean> {
    const node = this.store.nodes.get(id);
    if (node === undefined || node.state === 'down') return true;
    try {
      const atMs = this.options.clock.wallMs();
      await this.options.propose({ type: 'node.state', atMs, id, state: 'down', message });
      return true;
    } catch (error) {
      const fields = { nodeId: id, error: messageOf(error) };
      this.options.logger.warn(fields, 'a node was not called down');
      return false;
    }
  }
}
