/**
 * Makes the consensus group follow the roles that nodes are meant to have, one change at a time.
 *
 * A node meant to be a manager that says it is ready (`peerId`) becomes a learner, and once it has
 * caught up a voter. A member whose node is no longer meant to be a manager, is gone, or came back
 * on another disk is removed; the leader first lets another one lead. A removal that would leave
 * too few managers in reach to decide anything waits until they are back.
 */
import { messageOf, type Logger } from '../../../base/index.ts';
import type { Node, NodeId } from '../../../model/index.ts';
import { RAFT_LIMITS, type MembershipChange, type PeerId } from '../../../raft/index.ts';
import type { ApplyOutcome, Command } from '../../../store/index.ts';
import type { DriverStatus } from '../../consensus/index.ts';

export type RoleStep =
  | { readonly kind: 'change'; readonly change: MembershipChange }
  /** This leader is to be removed, which another one has to do. */
  | { readonly kind: 'transfer' }
  /** The node is out of the group: its row says so. */
  | { readonly kind: 'retire'; readonly id: NodeId };

type Nodes = Iterable<Pick<Node, 'id' | 'spec' | 'peerId'>>;
type Group = Pick<DriverStatus, 'id' | 'membership' | 'isMembershipPending' | 'commit' | 'peers'>;

/** What a leader does next; nothing when roles and group agree, or the next step has to wait. */
export function nextRoleStep(nodes: Nodes, group: Group): RoleStep | undefined {
  if (group.isMembershipPending) return undefined;
  const wanted = new Set<PeerId>();
  const retired: NodeId[] = [];
  const { voters, learners } = group.membership;
  const members = new Set([...voters, ...learners]);
  for (const { id, spec, peerId } of nodes) {
    const peer = peerId as PeerId | undefined;
    if (peer === undefined) continue;
    if (spec.Role === 'manager') wanted.add(peer);
    else if (!members.has(peer)) retired.push(id);
  }
  const [id] = retired;
  if (id !== undefined) return { kind: 'retire', id };
  return removal(wanted, group) ?? promotion(group) ?? addition(wanted, members);
}

function removal(wanted: ReadonlySet<PeerId>, group: Group): RoleStep | undefined {
  const { voters, learners } = group.membership;
  const learner = learners.find((peer) => !wanted.has(peer));
  if (learner !== undefined) return change('remove', learner);
  const voter = voters.find((peer) => !wanted.has(peer) && peer !== group.id);
  if (voter !== undefined && canSpare(voter, group)) return change('remove', voter);
  const isSelfLeft = !wanted.has(group.id) && voters.length > 1;
  return isSelfLeft ? { kind: 'transfer' } : undefined;
}

/** Whether most of those who stay can be reached. */
function canSpare(peer: PeerId, { id, membership, peers }: Group): boolean {
  const staying = membership.voters.filter((voter) => voter !== peer);
  const active = new Set(peers.filter(({ isActive }) => isActive).map((each) => each.id));
  const reached = staying.filter((voter) => voter === id || active.has(voter));
  return reached.length * 2 > staying.length;
}

function promotion({ membership, peers, commit }: Group): RoleStep | undefined {
  const ready = peers.find(
    (peer) =>
      membership.learners.includes(peer.id) &&
      peer.isActive &&
      peer.state === 'replicate' &&
      commit - peer.match <= RAFT_LIMITS.promoteLagEntriesMax,
  );
  return ready && change('promote', ready.id);
}

function addition(wanted: ReadonlySet<PeerId>, members: ReadonlySet<PeerId>): RoleStep | undefined {
  const missing = [...wanted].sort().find((peer) => !members.has(peer));
  return missing && change('add-learner', missing);
}

function change(kind: MembershipChange['kind'], peer: PeerId): RoleStep {
  return { kind: 'change', change: { kind, peer } };
}

export interface RolesOptions {
  readonly nodes: () => Nodes;
  readonly status: () => DriverStatus;
  readonly changeMembership: (change: MembershipChange) => Promise<void>;
  readonly transferLeadership: () => Promise<void>;
  readonly propose: (command: Command) => Promise<ApplyOutcome>;
  readonly wallMs: () => number;
  readonly logger: Logger;
}

/** What peers have acknowledged changes without a word, so it is looked at now and then. */
const LOOK_MS = 250;

export class Roles {
  private readonly options: RolesOptions;
  private timer: NodeJS.Timeout | undefined;
  private working: Promise<void> | undefined;
  private lastFailure = '';

  constructor(options: RolesOptions) {
    this.options = options;
  }

  start(): void {
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.look();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  look(): void {
    if (this.timer === undefined || this.working !== undefined) return;
    const { nodes, status } = this.options;
    const step = nextRoleStep(nodes(), status());
    if (step === undefined) return;
    this.working = this.take(step).finally(() => (this.working = undefined));
  }

  private async take(step: RoleStep): Promise<void> {
    const { logger } = this.options;
    try {
      await this.act(step);
      this.lastFailure = '';
      logger.info({ step }, 'the group of managers follows the roles of nodes');
    } catch (error) {
      const failure = messageOf(error);
      if (failure !== this.lastFailure)
        logger.warn({ step, error: failure }, 'the group of managers cannot follow the roles yet');
      this.lastFailure = failure;
    }
  }

  private async act(step: RoleStep): Promise<void> {
    const { changeMembership, transferLeadership, propose, wallMs } = this.options;
    switch (step.kind) {
      case 'change':
        return changeMembership(step.change);
      case 'transfer':
        return transferLeadership();
      case 'retire': {
        const outcome = await propose({ type: 'node.manager', atMs: wallMs(), id: step.id });
        if (!outcome.ok) throw new Error(outcome.refusal.message);
      }
    }
  }
}
