/**
 * The part that every node has: a session with the leader, the rows it was told, its tasks, and the
 * plan of its data plane.
 */
import { randomBelow } from '../../../src/base/index.ts';
import { ReportOutbox } from '../../../src/cluster/worker/report-outbox.ts';
import { Planner, type LocalPlan, type Plan } from '../../../src/dataplane/index.ts';
import {
  viewKey,
  type NodeView,
  type Revision,
  type TaskId,
  type TaskStatus,
  type ViewKey,
} from '../../../src/model/index.ts';
import { buildView, type StampedRow } from '../../../src/store/index.ts';
import type { Address, StreamEnd } from '../engine/network.ts';
import type { LeaderSays, StreamMessage } from '../engine/protocol.ts';
import { descriptionOf } from './description.ts';
import type { SimNode } from './sim-node.ts';
import { TaskCarrier } from './task-carrier.ts';

const BEAT_MS = 400;
/** A leader that is silent for this long is given up. */
const SILENCE_MS = 2_500;
const PAUSE_MAX_MS = 600;
/** From a change to the plan that follows. */
const PLAN_MS = 1_000;
/** From rows to their being on disk: what crashes in between comes back with older ones. */
const KEEP_MS = 500;

interface HeldRows {
  readonly rows: ReadonlyMap<ViewKey, StampedRow>;
  readonly revision: Revision;
}

export class WorkerHost {
  private readonly node: SimNode;
  private readonly outbox = new ReportOutbox();
  private readonly carriers = new Map<TaskId, TaskCarrier>();
  private readonly planner = new Planner();
  private rows = new Map<ViewKey, StampedRow>();
  private revision = 0 as Revision;
  private session: StreamEnd | undefined;
  private heardAt = 0;
  private hint: Address | undefined;
  private isPlanDue = false;
  private isKeepDue = false;
  /** Of an earlier life: no leader has told rows in this one. */
  private isRemembered = true;
  /** What the node was told last. */
  view: NodeView;
  /** The last one that was made. */
  plan: Plan = new Map();
  /** Whether the leader has taken this node in. */
  isWelcome = false;

  /** `held` is what an earlier life of the node kept on its disk. */
  constructor(node: SimNode, held: HeldRows | undefined) {
    this.node = node;
    if (held !== undefined) {
      this.rows = new Map(held.rows);
      this.revision = held.revision;
    }
    this.view = this.build();
  }

  /** Adopts the containers that outlived the agent. */
  start(): void {
    for (const id of this.node.containers.all.keys()) this.carrierOf(id);
    if (this.revision > 0) this.assign();
    this.attend();
    this.beat();
  }

  get local(): LocalPlan {
    const sandboxes = [...this.node.containers.sandboxes].map(([taskId, gatewayAddress]) => {
      const namespace = `t-${taskId.slice(0, 12)}`;
      return { taskId, namespace, gatewayAddress, resolverPorts: { udp: 5353, tcp: 5353 } };
    });
    const gateway = {
      prefix: '172.18.0.0/16',
      address: '172.18.0.1',
      ingressAddress: '172.18.0.2',
    };
    return { sandboxes, gateway };
  }

  /** What the node holds, as it would be planned at once. */
  planNow(): Plan {
    this.plan = this.planner.plan({ view: this.view, local: this.local });
    return this.plan;
  }

  report(id: TaskId, status: TaskStatus): void {
    this.outbox.put([{ id, status }]);
    this.flushReports();
  }

  forget(id: TaskId): void {
    this.carriers.delete(id);
  }

  look(id: TaskId): void {
    this.carriers.get(id)?.look();
  }

  /** The node's manager came or went. */
  sayPeer(): void {
    this.session?.send({ kind: 'peer', peer: this.node.manager?.peerId });
  }

  private attend(): void {
    const { node, hint } = this;
    const { managers, world } = node;
    this.hint = undefined;
    const to = hint ?? managers[randomBelow(world.rng, Math.max(1, managers.length))];
    if (to === undefined) return this.attendLater();
    const end = world.network.dial(node.address, to);
    this.session = end;
    this.heardAt = world.queue.now;
    end.take = (message) => this.take(end, message);
    end.onClosed = () => this.closed(end);
    end.send({
      kind: 'hello',
      nodeId: node.nodeId,
      isJoining: node.hasJoined ? undefined : node.joinsAs,
      peer: node.manager?.peerId,
      description: descriptionOf(node.address),
      held: [...this.rows].map(([key, { revision }]) => [key, revision] as const),
      revision: this.revision,
    });
  }

  private attendLater(): void {
    this.node.after(1 + randomBelow(this.node.world.rng, PAUSE_MAX_MS), () => {
      if (this.session === undefined) this.attend();
    });
  }

  private closed(end: StreamEnd): void {
    if (this.session !== end) return;
    this.session = undefined;
    this.isWelcome = false;
    this.outbox.reset();
    this.attendLater();
  }

  private beat(): void {
    this.node.after(this.node.clock.span(BEAT_MS), () => this.beat());
    const { session } = this;
    if (session === undefined) return;
    session.send({ kind: 'beat' });
    if (this.node.world.queue.now - this.heardAt < SILENCE_MS) return;
    session.close();
    this.closed(session);
  }

  private take(end: StreamEnd, message: StreamMessage): void {
    if (this.session !== end) return;
    this.heardAt = this.node.world.queue.now;
    this.hear(end, message as LeaderSays);
  }

  private hear(end: StreamEnd, message: LeaderSays): void {
    const { node } = this;
    switch (message.kind) {
      case 'not-leader':
        this.hint = message.leader;
        end.close();
        return this.closed(end);
      case 'unknown-node':
        return node.becomeUnknown();
      case 'welcome':
        this.isWelcome = true;
        node.welcomed(message.managers);
        return this.flushReports();
      case 'role':
        return node.takeRole(message.role, message.isMember);
      case 'rows':
        return this.takeRows(message);
      case 'reported':
        this.outbox.answered(message.id, message.isTaken);
        return this.flushReports();
      case 'beat':
    }
  }

  private flushReports(): void {
    if (!this.isWelcome) return;
    const next = this.outbox.next();
    if (next !== undefined) this.session?.send({ kind: 'report', ...next });
  }

  private takeRows(message: Extract<LeaderSays, { kind: 'rows' }>): void {
    if (message.isReset) this.rows.clear();
    for (const key of message.removes) this.rows.delete(key);
    for (const stamped of message.upserts) this.rows.set(viewKey(stamped.row), stamped);
    this.revision = message.revision;
    this.view = this.build();
    this.node.world.trace.note(`${this.node.nodeId} rows ${message.revision}`);
    this.isRemembered = false;
    this.keepLater();
    this.assign();
    this.planLater();
  }

  private build(): NodeView {
    const rows = [...this.rows.values()].map(({ row }) => row);
    return buildView(this.node.nodeId, this.revision, rows);
  }

  private assign(): void {
    const { assignments } = this.view;
    const { isRemembered } = this;
    for (const [id, { task }] of assignments) this.carrierOf(id).want(task, { isRemembered });
    for (const [id, carrier] of [...this.carriers])
      if (!assignments.has(id)) carrier.want(undefined, { isRemembered });
  }

  private keepLater(): void {
    if (this.isKeepDue) return;
    this.isKeepDue = true;
    this.node.after(KEEP_MS, () => {
      this.isKeepDue = false;
      this.node.keptRows = { rows: new Map(this.rows), revision: this.revision };
    });
  }

  private carrierOf(id: TaskId): TaskCarrier {
    const known = this.carriers.get(id);
    if (known !== undefined) return known;
    const carrier = new TaskCarrier(this.node, id);
    this.carriers.set(id, carrier);
    return carrier;
  }

  private planLater(): void {
    if (this.isPlanDue) return;
    this.isPlanDue = true;
    this.node.after(PLAN_MS, () => {
      this.isPlanDue = false;
      this.planNow();
    });
  }
}
