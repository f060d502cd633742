/**
 * This node's gossip: lives while the node has a view and keys, tells the others of its endpoints,
 * and lays what they tell over the view.
 *
 *   waiting (for keys, a view, the address) -> living -> waiting (another address) | stopped
 */
import { messageOf, type Clock, type Logger, type Rng } from '../../base/index.ts';
import type { GossipTiming, PeerAddress } from '../../gossip/index.ts';
import type {
  NetworkId,
  NodeId,
  NodeView,
  Revision,
  TaskId,
  TaskState,
  TaskStatus,
} from '../../model/index.ts';
import { ownFacts } from './facts/own-facts.ts';
import { ViewOverlay } from './facts/overlay-view.ts';
import { GossipLife, type LifeCounters } from './gossip-life.ts';
import { knock } from './hosts/knock.ts';
import { HeldKeys } from './keys/held-keys.ts';
import type { WireRing } from './keys/ring-plan.ts';

export interface NodeGossipOptions {
  readonly nodeId: NodeId;
  /** Where the keys are kept. */
  readonly directory: string;
  /** UDP and TCP; the same on all nodes. */
  readonly port: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly timing?: Partial<GossipTiming>;
  /** In place of real knocks. */
  readonly knock?: (to: PeerAddress, localAddress: string) => Promise<boolean>;
  /** `view` is another one, and no manager's doing. */
  readonly changed: () => void;
}

/** What the gossip knows, and has counted since the agent started to take part. */
export interface GossipReport {
  /** Nodes of the cluster that are alive, this one among them. */
  readonly members: number;
  /** Of the keys that this node follows; 0 before the first. */
  readonly keyGeneration: number;
  /** The oldest revision that a node acknowledged on a network of this one. */
  readonly acknowledgedRevision: number;
  /** Absent while this node takes no part. */
  readonly counters?: LifeCounters;
}

/** News within this time change the view together. */
const COALESCE_MS = 10;
const RETRY_MS = 5000;
const LOOK_MS = 3000;
/** Looks after which a node that is alone begins its search anew. */
const PATIENCE = 4;

export class NodeGossip {
  private readonly options: NodeGossipOptions;
  private readonly keys: HeldKeys;
  private readonly overlay = new ViewOverlay();
  private readonly reported = new Map<TaskId, TaskState>();
  private told: NodeView | undefined;
  private current: NodeView | undefined;
  private life: GossipLife | undefined;
  private changing: Promise<void> = Promise.resolve();
  private isChanging = false;
  private state: 'new' | 'started' | 'stopped' = 'new';
  private dirty: NodeJS.Timeout | undefined;
  private retry: NodeJS.Timeout | undefined;
  private looking: NodeJS.Timeout | undefined;
  private looks = 0;
  private lastFailure = '';

  private constructor(options: NodeGossipOptions, keys: HeldKeys) {
    this.options = options;
    this.keys = keys;
  }

  /** With the keys of an earlier run; silent until `start`. */
  static async load(options: NodeGossipOptions): Promise<NodeGossip> {
    return new NodeGossip(options, await HeldKeys.load(options));
  }

  /** The view that was told, with what is known beside it. */
  get view(): NodeView | undefined {
    return this.current;
  }

  get keyGeneration(): number | undefined {
    return this.keys.ring?.generation;
  }

  get report(): GossipReport {
    const counters = this.life?.counters;
    return {
      members: this.life?.liveMembers ?? 0,
      keyGeneration: this.keyGeneration ?? 0,
      acknowledgedRevision: this.life?.lowestRevision ?? 0,
      ...(counters && { counters }),
    };
  }

  start(): void {
    this.state = 'started';
    this.looking = setInterval(() => this.look(), LOOK_MS);
    this.ensureLife();
  }

  /** A manager told the keys. */
  followKeys(ring: WireRing): void {
    this.keys.follow(ring);
    this.ensureLife();
  }

  /** The view that managers tell is another one. */
  useView(view: NodeView | undefined): void {
    this.told = view;
    for (const taskId of this.reported.keys())
      if (view?.assignments.has(taskId) !== true) this.reported.delete(taskId);
    this.ensureLife();
    if (view !== undefined) this.life?.useView(view, this.facts(view));
    this.current = this.overlaid();
  }

  /** What became of tasks of this node: others hear of it as managers do. */
  noteTasks(statuses: readonly { readonly id: TaskId; readonly status: TaskStatus }[]): void {
    for (const { id, status } of statuses) this.reported.set(id, status.state);
    if (this.told !== undefined) this.life?.write(this.facts(this.told));
    this.maybeChanged();
  }

  /** The kernel holds what the view of `revision` asks for on a network. */
  acknowledge(networkId: NetworkId, revision: Revision): void {
    this.life?.acknowledge(networkId, revision);
  }

  /** With `isLeaving` the others are told, and the keys are forgotten. */
  async stop(isLeaving: boolean): Promise<void> {
    this.state = 'stopped';
    clearTimeout(this.dirty);
    clearTimeout(this.retry);
    clearInterval(this.looking);
    await this.changing;
    if (isLeaving) await this.life?.leave();
    await this.life?.close();
    if (isLeaving) await this.keys.discard();
    else await this.keys.flush();
  }

  private facts(view: NodeView): ReturnType<typeof ownFacts> {
    return ownFacts(view, (taskId) => this.reported.get(taskId));
  }

  /** Where this node is to gossip: on the address that its tasks' frames come to. */
  private wantedAddress(): PeerAddress | undefined {
    const { told, state, keys, options } = this;
    if (told === undefined || state !== 'started' || keys.ring === undefined) return undefined;
    const vtep = told.peers.get(options.nodeId)?.vtep;
    return vtep === undefined ? undefined : { host: vtep, port: options.port };
  }

  private ensureLife(): void {
    const address = this.wantedAddress();
    if (this.isChanging || address === undefined || address.host === this.life?.address.host)
      return;
    this.isChanging = true;
    clearTimeout(this.retry);
    this.changing = this.moveTo(address).finally(() => {
      this.isChanging = false;
      if (this.life === undefined) this.retryLater();
      else this.ensureLife();
    });
  }

  private async moveTo(address: PeerAddress): Promise<void> {
    const { options } = this;
    const { ring } = this.keys;
    const before = this.life;
    this.life = undefined;
    await before?.close();
    if (ring === undefined) return;
    try {
      const changed = (): void => this.maybeChanged();
      this.life = await GossipLife.open({ knock, ...options, address, ring, changed });
      options.logger.info({ ...address }, 'gossip is up');
      this.lastFailure = '';
      if (this.told !== undefined) this.life.useView(this.told, this.facts(this.told));
    } catch (error) {
      this.warn(messageOf(error));
    }
    this.maybeChanged();
  }

  private warn(error: string): void {
    if (error === this.lastFailure) return;
    this.lastFailure = error;
    this.options.logger.warn({ error }, 'this node cannot take part in gossip yet');
  }

  private retryLater(): void {
    if (this.state !== 'started') return;
    this.retry = setTimeout(() => this.ensureLife(), RETRY_MS);
  }

  private look(): void {
    this.looks += 1;
    this.life?.lookForOthers(this.looks % PATIENCE !== 0);
  }

  private maybeChanged(): void {
    if (this.state === 'stopped') return;
    this.dirty ??= setTimeout(() => {
      this.dirty = undefined;
      if (this.life?.takeChanges() === false) return;
      const view = this.overlaid();
      if (view === this.current) return;
      this.current = view;
      this.options.changed();
    }, COALESCE_MS);
  }

  private overlaid(): NodeView | undefined {
    const { told, life } = this;
    if (told === undefined || life === undefined) return told;
    return this.overlay.apply(told, life.findings);
  }
}
