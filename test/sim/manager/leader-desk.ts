/**
 * What only the manager that leads does: registers nodes and feeds them their rows, takes their
 * reports, calls the silent ones down, lets the orchestrator decide, and keeps the membership.
 */
import type { NetworkId, NodeId } from '../../../src/model/index.ts';
import type { PeerId } from '../../../src/raft/index.ts';
import type { Command } from '../../../src/store/index.ts';
import { clusterOf } from '../../store/cluster-fixture.ts';
import type { StreamEnd } from '../engine/network.ts';
import type { NodeSays, StreamMessage } from '../engine/protocol.ts';
import { descriptionOf, vtepOf } from '../node/description.ts';
import { DeskSession } from './desk-session.ts';
import type { ManagerHost } from './manager-host.ts';
import { Orchestration } from './orchestration.ts';
import { nextRoleStep, nodeOfPeer } from './role-keeper.ts';
import type { Written } from './proposer.ts';

type Hello = Extract<NodeSays, { kind: 'hello' }>;

const TICK_MS = 250;
/** A node that is silent for this long is called down. */
export const GRACE_MS = 3_000;
/** Changes that come together are fed together. */
const FEED_MS = 80;
const POOLS: Readonly<Record<number, string>> = { 28: '10.0.0.0/23', 29: '10.0.0.0/24' };

export class LeaderDesk {
  readonly orchestration: Orchestration;
  readonly sessions = new Map<NodeId, DeskSession>();
  private readonly host: ManagerHost;
  private readonly deadlines = new Map<NodeId, number>();
  private isStopped = false;
  private isFeedDue = false;
  private isFounding = false;
  private isNoting = false;

  constructor(host: ManagerHost) {
    this.host = host;
    this.orchestration = new Orchestration(host);
  }

  start(): void {
    for (const node of this.store.nodes.values()) if (node.state !== 'down') this.heard(node.id);
    this.orchestration.wake();
    this.tick();
  }

  stop(): void {
    this.isStopped = true;
    this.orchestration.stop();
    for (const { end } of this.sessions.values()) end.close();
    this.sessions.clear();
  }

  /** Something was applied. */
  storeChanged(): void {
    this.orchestration.wake();
    if (this.isFeedDue) return;
    this.isFeedDue = true;
    this.after(FEED_MS, () => {
      this.isFeedDue = false;
      this.feed();
    });
  }

  /** A node says hello over a new stream; an older session of it ends. */
  open(end: StreamEnd, hello: Hello): void {
    const { nodeId } = hello;
    const isKnown = this.store.nodes.has(nodeId);
    if (!isKnown && hello.isJoining === undefined) {
      this.turnAway(end, nodeId);
      return;
    }
    const session = new DeskSession(end, hello);
    end.take = (message) => this.take(session, message);
    end.onClosed = () => this.closed(session);
    const older = this.sessions.get(nodeId);
    this.sessions.set(nodeId, session);
    older?.end.close();
    this.heard(nodeId);
    this.register(session, hello);
  }

  private get store() {
    return this.host.replica.store;
  }

  private after(ms: number, act: () => void): void {
    this.host.after(ms, () => {
      if (!this.isStopped) act();
    });
  }

  private heard(nodeId: NodeId): void {
    this.deadlines.set(nodeId, this.host.now + GRACE_MS);
  }

  private take(session: DeskSession, message: StreamMessage): void {
    if (this.isStopped || this.sessions.get(session.nodeId) !== session) return;
    this.heard(session.nodeId);
    if (message.kind === 'peer') session.peer = message.peer;
    else if (message.kind === 'report') this.report(session, message);
  }

  private closed(session: DeskSession): void {
    if (this.sessions.get(session.nodeId) === session) this.sessions.delete(session.nodeId);
  }

  private register(session: DeskSession, { isJoining, description }: Hello): void {
    const { nodeId, end } = session;
    session.isRegistering = true;
    const role = this.store.nodes.get(nodeId)?.spec.Role ?? isJoining ?? 'worker';
    const vtep = vtepOf(end.peer.address);
    const command = { type: 'node.register', id: nodeId, role, description } as const;
    this.propose({ ...command, ...this.stamp, address: vtep, vtep }, (written) => {
      session.isRegistering = false;
      const isTaken = written.kind === 'applied' && written.outcome.ok;
      if (!isTaken || this.sessions.get(nodeId) !== session) {
        end.close();
        this.closed(session);
        return;
      }
      session.isReady = true;
      this.welcome(session);
      session.feed(this.store);
    });
  }

  /** An earlier leader's word that the node is down may have come after its registration here. */
  private maybeRegisterAgain(session: DeskSession): void {
    const node = this.store.nodes.get(session.nodeId);
    if (!session.isReady || session.isRegistering || node?.state !== 'down') return;
    this.register(session, session.hello);
  }

  private welcome(session: DeskSession): void {
    const voters = this.host.raft?.membership.voters ?? [];
    const managers = voters.map((peer) => this.host.world.addressOf(peer));
    session.say({ kind: 'welcome', managers });
  }

  private report(session: DeskSession, report: Extract<NodeSays, { kind: 'report' }>): void {
    const { nodeId } = session;
    const command = { type: 'tasks.report', nodeId, statuses: report.reports } as const;
    this.propose({ ...command, ...this.stamp }, (written) => {
      session.say({ kind: 'reported', id: report.id, isTaken: written.kind === 'applied' });
    });
  }

  private feed(): void {
    for (const session of this.sessions.values()) {
      if (!session.isReady) continue;
      if (this.store.nodes.has(session.nodeId)) session.feed(this.store);
      else {
        this.turnAway(session.end, session.nodeId);
        this.closed(session);
        this.deadlines.delete(session.nodeId);
      }
    }
  }

  /** A node that hears it is unknown drops its disk, so it may not hear so while it has a vote. */
  private turnAway(end: StreamEnd, nodeId: NodeId): void {
    if (!this.isMember(nodeId)) end.send({ kind: 'unknown-node' });
    end.close();
  }

  private tick(): void {
    this.after(this.host.node.clock.span(TICK_MS), () => this.tick());
    this.found();
    for (const session of this.sessions.values()) {
      session.say({ kind: 'beat' });
      this.maybeRegisterAgain(session);
    }
    for (const [nodeId, deadlineMs] of this.deadlines)
      if (deadlineMs <= this.host.now) this.callDown(nodeId);
    this.keepRoles();
  }

  private callDown(id: NodeId): void {
    const node = this.store.nodes.get(id);
    this.deadlines.delete(id);
    if (node === undefined || node.state === 'down') return;
    const session = this.sessions.get(id);
    session?.end.close();
    this.sessions.delete(id);
    const command = { type: 'node.state', id, state: 'down', message: 'silent' } as const;
    this.propose({ ...command, ...this.stamp }, ({ kind }) => {
      if (kind === 'unknown' && !this.deadlines.has(id)) this.heard(id);
    });
  }

  /** Founders are nodes before there is a cluster, so that no manager is taken for a stranger. */
  private found(): void {
    const { raft, world } = this.host;
    if (this.isFounding || this.store.cluster !== undefined || raft === undefined) return;
    this.isFounding = true;
    const missing = raft.membership.voters.find((peer) => !this.store.nodes.has(nodeOfPeer(peer)));
    const { subnetBits } = world.swarm;
    const done = (): void => void (this.isFounding = false);
    if (missing !== undefined) {
      const id = nodeOfPeer(missing);
      const vtep = vtepOf(world.addressOf(missing));
      const description = descriptionOf(world.addressOf(missing));
      const command = { type: 'node.register', id, role: 'manager', description } as const;
      this.propose({ ...command, ...this.stamp, address: vtep, vtep }, done);
      return;
    }
    const cluster = clusterOf({ subnetBits, addressPools: [POOLS[subnetBits] ?? '10.0.0.0/8'] });
    const ingressId = 'ingress' as NetworkId;
    this.propose({ type: 'cluster.create', ...this.stamp, cluster, ingressId }, done);
  }

  private keepRoles(): void {
    const { raft } = this.host;
    if (raft === undefined || this.store.cluster === undefined) return;
    const peerOf = (id: NodeId) => this.sessions.get(id)?.peer;
    this.tellRoles();
    const step = nextRoleStep({ raft, store: this.store, peerOf });
    if (step.kind === 'note') this.note(step.id, step.peer);
    else if (step.kind === 'change') this.host.touch((core) => core.proposeMembership(step.change));
    else if (step.kind === 'hand-over') this.host.touch((core) => core.transferLeadership());
  }

  private note(id: NodeId, peerId: PeerId | undefined): void {
    if (this.isNoting) return;
    this.isNoting = true;
    const address = vtepOf(this.host.world.directory.get(id) ?? 0);
    const manager = peerId && { address, peerId };
    const command = { type: 'node.manager', id, ...this.stamp } as const;
    this.propose({ ...command, ...(manager && { manager }) }, () => void (this.isNoting = false));
  }

  private tellRoles(): void {
    const { raft } = this.host;
    if (raft?.isMembershipPending !== false) return;
    for (const session of this.sessions.values()) {
      const role = this.store.nodes.get(session.nodeId)?.spec.Role;
      if (session.isReady && role !== undefined)
        session.sayRole(role, this.isMember(session.nodeId));
    }
  }

  /** Of the group's membership, or of one that may come to hold. */
  private isMember(nodeId: NodeId): boolean {
    const { raft } = this.host;
    if (raft?.isMembershipPending !== false) return true;
    const { voters, learners } = raft.membership;
    return [...voters, ...learners].some((peer) => nodeOfPeer(peer) === nodeId);
  }

  private get stamp(): { readonly atMs: number } {
    return { atMs: this.host.node.clock.wallMs() };
  }

  private propose(command: Command, done: (written: Written) => void): void {
    const isTaken = this.host.proposer?.tryPropose(command, (written) => {
      if (!this.isStopped) done(written);
    });
    if (isTaken !== true) this.after(TICK_MS, () => done({ kind: 'unknown' }));
  }
}
