/**
 * Lets nodes in: compares secrets, registers the node, signs its certificate; and renews
 * certificates later.
 *
 * Wrong secrets are few before the desk closes for a while: an address gets `FAILURES_MAX` of them
 * per window, so 129 bits cannot be tried out, and honest mistakes stay possible.
 */
import { randomBytes } from 'node:crypto';
import { SeededRng, randomId, type Clock, type Logger } from '../../base/index.ts';
import type { Cluster, NodeId } from '../../model/index.ts';
import type { PeerId } from '../../raft/index.ts';
import type { ApplyOutcome, Command, Store } from '../../store/index.ts';
import { ClusterError } from '../errors.ts';
import {
  certify,
  isSameSecret,
  rootsOf,
  type NodeRole,
  type SignerAccess,
} from '../identity/index.ts';
import type { JoinBody, JoinReply, RenewReply } from '../transport/index.ts';
import { placeOf } from './place.ts';

export interface JoinDeskOptions {
  readonly store: Store;
  readonly propose: (command: Command) => Promise<ApplyOutcome>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly managers: () => string[];
  /** What this manager shows to external signers. */
  readonly access: () => SignerAccess;
}

/** As links between managers expect after the node's id. */
const PEER_DIGITS = 8;
const FAILURES_MAX = 20;
const WINDOW_MS = 60_000;
/** Addresses remembered; when there are more, the desk is closed for those not among them. */
const ADDRESSES_MAX = 1_000;
/** Joins at work at the same time: each costs a signature and a write. */
const JOINS_MAX = 32;
/** Renewals at work at the same time: all nodes come when the root is rotated. */
const RENEWALS_MAX = 64;

export class JoinDesk {
  private readonly options: JoinDeskOptions;
  private readonly failures = new Map<string, number>();
  private windowEndMs = 0;
  private joining = 0;
  private renewing = 0;

  constructor(options: JoinDeskOptions) {
    this.options = options;
  }

  /** Throws `ClusterError` and lets nobody in. */
  async join(body: JoinBody, seenAt: string): Promise<JoinReply> {
    this.checkAttempts(seenAt);
    const cluster = this.cluster();
    const role = this.roleOf(body.secret, cluster, seenAt);
    if (this.joining >= JOINS_MAX)
      throw new ClusterError({ code: 'busy' }, 'many nodes are joining; try again in a moment');
    this.joining += 1;
    try {
      return await this.admit(body, { cluster, role, seenAt });
    } finally {
      this.joining -= 1;
    }
  }

  /** A new certificate for a node that has a valid one. Its id stays; its role is the spec's. */
  async renew(requestPem: string, node: { readonly id: NodeId }): Promise<RenewReply> {
    const cluster = this.cluster();
    const role = this.options.store.nodes.get(node.id)?.spec.Role;
    if (role === undefined)
      throw new ClusterError({ code: 'node-removed' }, `node ${node.id} was removed`);
    if (this.renewing >= RENEWALS_MAX)
      throw new ClusterError({ code: 'busy' }, 'many certificates are being signed; try again');
    this.renewing += 1;
    try {
      const certificatePem = await this.certify(cluster, { nodeId: node.id, role, requestPem });
      return { certificatePem, authorityPem: rootsOf(cluster).authorityPem };
    } finally {
      this.renewing -= 1;
    }
  }

  private async admit(
    body: JoinBody,
    to: { readonly cluster: Cluster; readonly role: NodeRole; readonly seenAt: string },
  ): Promise<JoinReply> {
    const { cluster, role, seenAt } = to;
    const place = placeOf(body, seenAt);
    const nodeId = createNodeId();
    // Signed first: a request that cannot be signed leaves no node behind.
    const certificatePem = await this.certify(cluster, {
      nodeId,
      role,
      requestPem: body.requestPem,
    });
    const { description } = body;
    const atMs = this.options.clock.wallMs();
    await this.require({ type: 'node.register', atMs, id: nodeId, role, description, ...place });
    if (body.availability !== 'active') await this.setAvailability(nodeId, body.availability);
    this.options.logger.info({ nodeId, role, address: seenAt }, 'a node joined');
    const managers = this.options.managers();
    const { authorityPem } = rootsOf(cluster);
    return { nodeId, clusterId: cluster.id, role, certificatePem, authorityPem, managers };
  }

  private async setAvailability(id: NodeId, Availability: JoinBody['availability']): Promise<void> {
    const node = this.options.store.nodes.get(id);
    if (node === undefined) return;
    await this.require({
      type: 'node.update',
      atMs: this.options.clock.wallMs(),
      id,
      version: node.meta.revision,
      spec: { ...node.spec, Availability },
    });
  }

  private async certify(
    cluster: Cluster,
    to: { readonly nodeId: NodeId; readonly role: NodeRole; readonly requestPem: string },
  ): Promise<string> {
    return certify(cluster, {
      subject: { nodeId: to.nodeId, role: to.role },
      requestPem: to.requestPem,
      nowMs: this.options.clock.wallMs(),
      access: this.options.access(),
      logger: this.options.logger,
    });
  }

  private async require(command: Command): Promise<void> {
    const outcome = await this.options.propose(command);
    if (!outcome.ok) throw new ClusterError({ code: 'invalid-request' }, outcome.refusal.message);
  }

  private roleOf(secret: string, cluster: Cluster, seenAt: string): NodeRole {
    // Both are compared in any case, so that the time tells nothing.
    const isWorker = isSameSecret(secret, cluster.joinSecrets.worker);
    const isManager = isSameSecret(secret, cluster.joinSecrets.manager);
    if (isManager) return 'manager';
    if (isWorker) return 'worker';
    this.failures.set(seenAt, (this.failures.get(seenAt) ?? 0) + 1);
    this.options.logger.warn({ address: seenAt }, 'a join with a wrong secret was refused');
    throw new ClusterError(
      { code: 'invalid-token' },
      'a valid join token is necessary to join this cluster; it may have been rotated: print ' +
        'the current one with ' +
        '"docker swarm join-token worker" on a manager',
    );
  }

  private checkAttempts(seenAt: string): void {
    const nowMs = this.options.clock.monotonicMs();
    if (nowMs >= this.windowEndMs) {
      this.failures.clear();
      this.windowEndMs = nowMs + WINDOW_MS;
    }
    const failures = this.failures.get(seenAt);
    const isOpen =
      failures === undefined ? this.failures.size < ADDRESSES_MAX : failures < FAILURES_MAX;
    if (isOpen) return;
    throw new ClusterError(
      { code: 'too-many-attempts' },
      `too many joins with a wrong token; try again in ` +
        `${Math.ceil((this.windowEndMs - nowMs) / 1000)} s`,
    );
  }

  private cluster(): Cluster {
    const { cluster } = this.options.store;
    if (cluster !== undefined) return cluster;
    throw new ClusterError({ code: 'busy' }, 'the cluster is being made; try again in a moment');
  }
}

/** Ids are unguessable as well as unique: they name nodes in certificates. */
export function createNodeId(): NodeId {
  return createId() as NodeId;
}

/** A peer of the consensus group on a disk of node `id`: another disk is another peer. */
export function createPeerId(id: NodeId): PeerId {
  return `${id}:${createId().slice(0, PEER_DIGITS)}` as PeerId;
}

/** A random id of Swarm's shape. */
export function createId(): string {
  const words = randomBytes(4 * 25);
  let at = 0;
  return randomId({
    nextU32() {
      const word = words.readUInt32LE(at);
      at += 4;
      return word;
    },
  });
}

/** A generator for decisions that need no secrecy, with an unpredictable start. */
export function createRng(): SeededRng {
  return new SeededRng(randomBytes(4).readInt32LE(0));
}
