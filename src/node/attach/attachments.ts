/**
 * Attachments: namespaces that others made, on networks of the cluster.
 *
 *   attach: the namespace is looked at -> written down -> held -> the managers give a place
 *           -> the view tells of it -> planned, served with names -> said to be running
 *   over:   the operator detaches, the namespace is gone from its path, or the cluster took the
 *           place back -> the row goes -> nothing is planned -> what was ours in it goes
 *
 * The node has the last word: a place without a row here is given back. So a crash at any line
 * leaves nothing behind that the next start does not settle.
 */
import { join } from 'node:path';
import { messageOf, randomId, type Clock, type Logger, type Rng } from '../../base/index.ts';
import type { ClusterMember } from '../../cluster/index.ts';
import { overlayNamespace, type LocalJoint, type NamespaceName } from '../../dataplane/index.ts';
import {
  isAttachment,
  isAttachmentName,
  isTerminal,
  type NetworkId,
  type NodeView,
  type TaskId,
  type TaskStatus,
} from '../../model/index.ts';
import { NodeError } from '../errors.ts';
import type { Reconciler } from '../reconcile/index.ts';
import type { SandboxNames } from '../sandbox-names.ts';
import { ATTACHMENTS_MAX, type AttachmentRow, type AttachmentTable } from './attachment-table.ts';
import { joinError, overlapOf, type NamespaceDoor } from './namespace-door.ts';
import { until } from './until.ts';

export interface AttachmentsOptions {
  readonly table: AttachmentTable;
  readonly member: ClusterMember;
  readonly door: NamespaceDoor;
  readonly reconciler: Reconciler;
  readonly names: SandboxNames;
  readonly runDirectory: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

export interface AttachOptions {
  /** Path of a network namespace: `/run/netns/x`, `/proc/<pid>/ns/net`. */
  readonly path: string;
  /** Id, name, or beginning of an id; likewise `service`. */
  readonly network: string;
  /** Default: the beginning of the attachment's id. */
  readonly name?: string | undefined;
  readonly address?: string | undefined;
  readonly service?: string | undefined;
}

/** An attachment as it stands. */
export interface AttachmentStatus extends AttachmentRow {
  readonly networkName: string;
  readonly state: TaskStatus['state'];
}

/** How often namespaces are looked for at their paths. */
const WATCH_MS = 1000;
/** For the managers' answer to come round as a row of this node's view, and for a place to go. */
const VIEW_MS = 20_000;
const GONE_MS = 10_000;

export class Attachments {
  private readonly options: AttachmentsOptions;
  private readonly asking = new Set<TaskId>();
  private readonly looks = new Set<() => void>();
  private view: NodeView | undefined;
  private replan: () => void = () => undefined;
  private timer: NodeJS.Timeout | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private isWatching = false;

  constructor(options: AttachmentsOptions) {
    this.options = options;
  }

  /** Adopts what an earlier agent left. `replan` is called whenever `joints` changed. */
  async start(replan: () => void): Promise<void> {
    const { table } = this.options;
    this.replan = replan;
    // Whoever asked for these is gone with the agent that was asked.
    for (const row of table.values()) if (row.place === undefined) await table.remove(row.taskId);
    await this.watch();
    for (const { namespace } of table.values()) await this.serveNames(namespace);
    this.timer = setInterval(() => void this.watch(), WATCH_MS);
    this.timer.unref();
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** Every namespace that is held, with its interfaces. */
  joints(): LocalJoint[] {
    const joints = new Map<NamespaceName, LocalJoint>();
    for (const { namespace, taskId, link } of this.options.table.values()) {
      const ports = this.options.names.portsOf(namespace);
      const legs = [...(joints.get(namespace)?.legs ?? []), { taskId, link }];
      const resolverPorts = ports && { udp: ports.udpPort, tcp: ports.tcpPort };
      joints.set(namespace, { namespace, legs, ...(resolverPorts && { resolverPorts }) });
    }
    return [...joints.values()];
  }

  list(): AttachmentStatus[] {
    return this.options.table.values().map((row) => this.statusOf(row));
  }

  /** Resolves when the namespace is on the network. Throws `NodeError`, `ClusterError`. */
  async attach(asked: AttachOptions): Promise<AttachmentStatus> {
    const id = randomId(this.options.rng) as TaskId;
    const name = asked.name ?? id.slice(0, 12);
    if (!isAttachmentName(name))
      throw new NodeError({ code: 'invalid', field: 'name' }, `${JSON.stringify(name)} is no name`);
    this.asking.add(id);
    try {
      const row = await this.inTurn(() => this.hold(id, name, asked));
      return await this.place(row, asked);
    } catch (error) {
      const row = this.options.table.get(id);
      await this.giveBack(id);
      // Whoever tries again at once finds the namespace as it was before.
      if (row !== undefined) await this.whenEmpty(row).catch(() => undefined);
      throw error;
    } finally {
      this.asking.delete(id);
    }
  }

  /** Gives the place back; resolves when nothing of ours is left. Throws `NodeError`. */
  async detach(reference: string): Promise<void> {
    const row = this.find(reference);
    await this.giveBack(row.taskId);
    await this.whenGone(row);
  }

  /** What the view says of this node's places: those it takes away go, those unknown go back. */
  follow(view: NodeView | undefined): void {
    this.view = view;
    for (const look of [...this.looks]) look();
    if (view === undefined) {
      if (this.options.member.status().state === 'inactive')
        for (const { taskId } of this.options.table.values()) this.drop(taskId);
      return;
    }
    if (view.isRemembered !== true) this.settle(view);
  }

  /** Whether the view tells of every place that this node has. */
  areIn(view: NodeView): boolean {
    return this.options.table
      .values()
      .every(({ taskId, place }) => place === undefined || view.assignments.has(taskId));
  }

  private settle(view: NodeView): void {
    for (const { task } of view.assignments.values()) {
      if (!isAttachment(task) || isTerminal(task.status.state)) continue;
      const isKnown = this.options.table.get(task.id) !== undefined || this.asking.has(task.id);
      const isWanted = task.desiredState === 'running';
      if (!isKnown || !isWanted) this.drop(task.id);
      else if (!this.asking.has(task.id)) this.say(task.id, 'running', 'started');
    }
    for (const row of this.options.table.values())
      if (row.place !== undefined && row.place.revision < view.revision && !this.isPlaced(row))
        this.drop(row.taskId);
  }

  private isPlaced({ taskId }: AttachmentRow): boolean {
    const task = this.view?.assignments.get(taskId)?.task;
    return task !== undefined && !isTerminal(task.status.state);
  }

  private statusOf(row: AttachmentRow): AttachmentStatus {
    const network = row.place && this.view?.networks.get(row.place.networkId);
    const task = this.view?.assignments.get(row.taskId)?.task;
    return {
      ...row,
      networkName: network?.name ?? row.place?.networkId ?? '',
      state: task?.status.state ?? 'assigned',
    };
  }

  private find(reference: string): AttachmentRow {
    const rows = this.options.table.values();
    const exact = rows.filter(({ taskId, name }) => taskId === reference || name === reference);
    const found = exact.length > 0 ? exact : rows.filter((row) => row.taskId.startsWith(reference));
    const [row, ...more] = reference === '' ? [] : found;
    if (row !== undefined && more.length === 0) return row;
    throw row === undefined
      ? new NodeError({ code: 'not-found', what: reference }, `attachment ${reference} not found`)
      : new NodeError(
          { code: 'invalid', field: 'name' },
          `attachment ${reference} is ambiguous: give its id`,
        );
  }

  /** Writes the attachment down and takes hold of the namespace. */
  private async hold(
    taskId: TaskId,
    name: string,
    { path }: AttachOptions,
  ): Promise<AttachmentRow> {
    const { table, door } = this.options;
    if (table.values().length >= ATTACHMENTS_MAX)
      throw new NodeError({ code: 'too-many' }, `this node has ${ATTACHMENTS_MAX} attachments`);
    const identity = door.identity(path);
    if (identity === undefined) throw joinError('not-a-namespace', path);
    if (door.isOwn(identity) && table.values().every((row) => row.identity !== identity))
      throw joinError('own', path);
    const { row, isFirst } = await table.add({ taskId, name, path, identity });
    const problem = isFirst ? await door.join(row.namespace, path) : undefined;
    if (problem !== undefined) throw joinError(problem, path);
    return row;
  }

  private async place(row: AttachmentRow, asked: AttachOptions): Promise<AttachmentStatus> {
    const { member, table, reconciler } = this.options;
    const { taskId: id, namespace, name } = row;
    const { network, address, service } = asked;
    const wanted = { id, network, name, address, service };
    const { networkId } = await member.attach({ ...wanted, aliases: [name], containerId: '' });
    await this.whenView(() => this.isPlaced(row));
    const task = this.view?.assignments.get(id)?.task;
    if (task === undefined) throw new NodeError({ code: 'timeout' }, 'the managers tell nothing');
    this.requireFree(row, networkId);
    const given = task.attachments[0]?.address ?? '';
    const revision = this.view?.revision ?? 0;
    await table.put({ ...row, place: { networkId, address: given, revision } });
    await this.serveNames(namespace);
    this.replan();
    await reconciler.whenConverged([namespace, overlayNamespace(networkId)]);
    this.say(id, 'running', 'started');
    await this.whenView((view) => view?.endpoints.get(id)?.isServing === true);
    return this.statusOf(table.get(id) ?? row);
  }

  /** Where the namespace reaches such addresses already, one way would cut the other off. */
  private requireFree({ namespace, taskId }: AttachmentRow, networkId: NetworkId): void {
    const { door, table } = this.options;
    const prefixesOf = (id: NetworkId | undefined): readonly string[] =>
      (id && this.view?.networks.get(id)?.subnets.map(({ prefix }) => prefix)) ?? [];
    const others = table.in(namespace).filter((row) => row.taskId !== taskId);
    const taken = others.flatMap(({ place }) => prefixesOf(place?.networkId));
    const routed = [...taken, ...door.foreignDestinations(namespace)];
    const overlap = overlapOf(prefixesOf(networkId), routed);
    if (overlap === undefined) return;
    throw new NodeError(
      { code: 'overlap', prefix: overlap },
      `the namespace reaches addresses of ${overlap} already: it cannot be on a network of them`,
    );
  }

  /** The row goes, and with it all that follows from it; the managers are told. */
  private async giveBack(taskId: TaskId): Promise<void> {
    const { table, names, reconciler } = this.options;
    const row = table.get(taskId);
    await table.remove(taskId);
    this.say(taskId, 'shutdown', 'shutdown');
    if (row === undefined) return;
    const isLast = table.in(row.namespace).length === 0;
    if (isLast) await names.close(row.namespace);
    else await this.serveNames(row.namespace);
    this.replan();
    if (isLast) reconciler.retire(row.namespace);
  }

  private drop(taskId: TaskId): void {
    this.giveBack(taskId).catch((error: unknown) =>
      this.options.logger.warn({ taskId, error: messageOf(error) }, 'an attachment stays for now'),
    );
  }

  private say(taskId: TaskId, state: 'running' | 'shutdown', message: string): void {
    const before = this.view?.assignments.get(taskId)?.task.status.state;
    if (before === state) return;
    const atMs = this.options.clock.wallMs();
    this.options.member.report([{ id: taskId, status: { state, message, atMs } }]);
  }

  /** Names of all networks that the namespace is on. */
  private async serveNames(namespace: NamespaceName): Promise<void> {
    const { table, names, logger } = this.options;
    const networks = table.in(namespace).flatMap(({ place }) => place?.networkId ?? []);
    try {
      await names.openJoint(namespace, networks);
    } catch (error) {
      logger.warn({ namespace, error: messageOf(error) }, 'no names are served in a namespace');
    }
  }

  /** A namespace that is not at its path any more is gone for who gave the path. */
  private async watch(): Promise<void> {
    if (this.isWatching) return;
    this.isWatching = true;
    for (const row of this.options.table.values()) await this.look(row).catch(() => undefined);
    this.isWatching = false;
  }

  private async look(row: AttachmentRow): Promise<void> {
    const { door, logger, table } = this.options;
    if (this.asking.has(row.taskId)) return;
    if (door.identity(row.path) === row.identity) {
      if (door.identity(this.heldPath(row)) === row.identity) return;
      // Somebody unmounted what held it; what is in there is still ours.
      await door.rejoin(row.namespace, row.path);
      this.replan();
      return;
    }
    if (table.get(row.taskId) === undefined) return;
    const { taskId, name, path } = row;
    logger.info({ taskId, name, path }, 'the namespace of an attachment is gone; letting it go');
    await this.giveBack(taskId);
  }

  private heldPath({ namespace }: AttachmentRow): string {
    return join(this.options.runDirectory, 'netns', namespace);
  }

  /** Nothing of the attachment is left in its namespace. Throws `NodeError`, `ReconcileError`. */
  private async whenEmpty(row: AttachmentRow): Promise<void> {
    const { table, door, reconciler } = this.options;
    if (table.in(row.namespace).length > 0) return reconciler.whenConverged(row.namespace);
    const isLetGo = (): boolean => door.identity(this.heldPath(row)) === undefined;
    if (await until(isLetGo, GONE_MS)) return;
    throw new NodeError(
      { code: 'timeout' },
      `${row.name} is detached, but what was in ${row.path} could not be taken away yet; ` +
        'the agent goes on trying, and its log says what is in the way',
    );
  }

  private async whenGone(row: AttachmentRow): Promise<void> {
    const { logger } = this.options;
    const { taskId } = row;
    await this.whenEmpty(row);
    if (this.options.member.status().state !== 'active') return;
    await this.whenView(() => !this.isPlaced(row)).catch((error: unknown) =>
      logger.warn({ taskId, error: messageOf(error) }, 'the managers have not heard of an end yet'),
    );
  }

  /** Resolves when the view is as `isThere` wants it. Throws `NodeError`. */
  private whenView(isThere: (view: NodeView | undefined) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: NodeError): void => {
        this.looks.delete(look);
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = (): void => {
        if (isThere(this.view)) settle();
      };
      const timer = setTimeout(() => {
        settle(new NodeError({ code: 'timeout' }, 'the managers have not answered in time'));
      }, VIEW_MS);
      this.looks.add(look);
      look();
    });
  }

  /** One after the other. */
  private inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }
}
