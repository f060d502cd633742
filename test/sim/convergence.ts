/**
 * The liveness phase: when everything has healed and clients ask for no more, the cluster has to
 * come to rest within a bound of virtual time, and at rest everybody has to agree.
 */
import { diff, plan, type Plan } from '../../src/dataplane/index.ts';
import { isTerminal, type Task } from '../../src/model/index.ts';
import { VOTERS_MAX, type Entry, type LogIndex } from '../../src/raft/index.ts';
import { buildView, viewRows } from '../../src/store/index.ts';
import { logOf } from '../raft/sim/checkers.ts';
import { restored, snapshotOf } from '../store/snapshot/snapshots.ts';
import { gossipUnrest } from './check/gossip-checks.ts';
import { find } from './load/answers.ts';
import { violated } from './engine/violation.ts';
import { nodeOfPeer } from './manager/role-keeper.ts';
import type { SimNode } from './node/sim-node.ts';
import type { World } from './world.ts';

/** How long the cluster may take. */
const BOUND_MS = 90_000;
const STEP_MS = 500;
/** At rest is what stays so for this long. */
const REST_MS = 3_000;

interface Unrest {
  readonly checker: string;
  readonly what: string;
}

export class Convergence {
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** Returns how long it took, in milliseconds. */
  await(): number {
    const { queue } = this.world;
    const from = queue.now;
    let restsFrom: number | undefined;
    let unrest: Unrest | undefined;
    while (restsFrom === undefined || queue.now - restsFrom < REST_MS) {
      if (queue.now - from > BOUND_MS) {
        const { checker, what } = unrest ?? { checker: 'liveness', what: 'it comes and goes' };
        violated(checker, `no rest after ${BOUND_MS} ms: ${what}`);
      }
      queue.runUntil(queue.now + STEP_MS);
      unrest = this.unrest();
      if (unrest === undefined) restsFrom ??= queue.now;
      else restsFrom = undefined;
    }
    return restsFrom - from;
  }

  /** Everything that can only be compared at rest. */
  check(): void {
    this.checkReplicas();
    for (const node of this.world.nodes) this.checkPlan(node);
    this.checkLastReads();
    this.world.checks.history.check();
  }

  /** What keeps the cluster from being at rest; `undefined` when nothing does. */
  private unrest(): Unrest | undefined {
    const what = this.unrestOfManagers() ?? this.unrestOfNodes() ?? this.unrestOfTasks();
    if (what !== undefined) return { checker: 'liveness', what };
    const belief = gossipUnrest(this.world.nodes);
    return belief === undefined ? undefined : { checker: 'gossip converges', what: belief };
  }

  private unrestOfManagers(): string | undefined {
    const { leader, desk, checks, managers } = this.world;
    const raft = leader?.manager?.raft;
    if (leader === undefined || raft === undefined || desk === undefined) return 'nobody leads';
    if (raft.isMembershipPending) return 'a change of membership is pending';
    const { voters, learners } = raft.membership;
    const members = [...voters, ...learners];
    // Promotions whose answers were lost may have made more managers than may vote.
    if (learners.length > 0 && voters.length < VOTERS_MAX) return 'somebody is a learner';
    for (const node of managers) {
      const { manager } = node;
      if (manager === undefined || !members.includes(manager.peerId))
        return `${node.nodeId} has a manager's disk and is no member`;
      if (manager.raft?.leader !== raft.id) return `${manager.peerId} follows another leader`;
      if (manager.replica.applied !== checks.raft.commitIndex)
        return `${manager.peerId} is at ${manager.replica.applied} of ${checks.raft.commitIndex}`;
    }
    if (managers.length !== members.length) return 'a member has no disk';
    return desk.orchestration.isIdle ? undefined : 'the orchestrator is at work';
  }

  private unrestOfNodes(): string | undefined {
    const { nodes, desk, leaderStore } = this.world;
    for (const { nodeId, worker, isUp } of nodes) {
      const row = leaderStore?.nodes.get(nodeId);
      if (!isUp || !worker.isWelcome) return `${nodeId} has no session`;
      if (row?.state !== 'ready') return `${nodeId} is ${row?.state ?? 'unknown'}`;
      if (row.spec.Availability !== 'active') return `${nodeId} is to be active`;
      const peer = desk?.sessions.get(nodeId)?.peer;
      if (row.peerId !== peer) return `${nodeId} takes part as ${row.peerId ?? 'nobody'}`;
      if ((row.spec.Role === 'manager') !== (peer !== undefined))
        return `${nodeId} is not the ${row.spec.Role} it is to be`;
    }
    const known = new Set(nodes.map(({ nodeId }) => nodeId));
    for (const { id, state } of leaderStore?.nodes.values() ?? [])
      if (!known.has(id) && state !== 'down') return `${id} is gone and not down`;
    return undefined;
  }

  private unrestOfTasks(): string | undefined {
    const { nodes, leaderStore } = this.world;
    const byId = new Map(nodes.map((node) => [node.nodeId, node]));
    for (const task of leaderStore?.tasks.values() ?? []) {
      const node = task.nodeId && byId.get(task.nodeId);
      if (node === undefined) continue;
      const problem = unrestOfTask(node, task);
      if (problem !== undefined) return `task ${task.id} on ${node.nodeId}: ${problem}`;
    }
    for (const { containers, nodeId } of nodes)
      for (const id of containers.all.keys())
        if (!leaderStore?.tasks.has(id)) return `${nodeId} keeps a container of ${id}`;
    return undefined;
  }

  private checkReplicas(): void {
    const { managers, checks, leader, swarm } = this.world;
    for (const { manager } of managers) {
      if (manager?.raft === undefined) continue;
      checks.replicas.snapshot(manager.peerId, manager.replica.applied, manager.replica.snapshot());
      checks.raft.membership(manager.raft);
    }
    const raft = leader?.manager?.raft;
    const replica = leader?.manager?.replica;
    if (raft === undefined || replica === undefined) return;
    const log = logOf(raft);
    const entries = log.firstIndex === 1 ? log.entriesFrom(1 as LogIndex, Infinity) : undefined;
    const committed = entries?.filter(({ index }: Entry) => index <= replica.applied);
    if (committed?.length === replica.applied)
      checks.replicas.replay(committed, replica, swarm.sessionClientsMax);
  }

  /** The plan that a node made step by step is the one that the leader's state asks for. */
  private checkPlan({ nodeId, worker }: SimNode): void {
    const { leaderStore } = this.world;
    if (leaderStore === undefined) return;
    const again = restored(snapshotOf(leaderStore));
    for (const store of [leaderStore, again]) {
      const rows = [...viewRows(store, nodeId).values()].map(({ row }) => row);
      const view = buildView(nodeId, store.revision, rows);
      const wanted = plan({ view, local: worker.local });
      const difference = differenceOf(wanted, worker.planNow());
      if (difference === undefined) continue;
      const which = store === again ? "the leader's snapshot" : "the leader's state";
      violated('data plane', `${nodeId} plans other than ${which} asks for: ${difference}`);
    }
  }

  /** The final state is a last read of everything. */
  private checkLastReads(): void {
    const { leaderStore, swarm, checks } = this.world;
    if (leaderStore === undefined) return;
    const names = [
      ...Array.from({ length: swarm.services }, (_, at) => ['service', `svc${at}`] as const),
      ...Array.from({ length: swarm.networks }, (_, at) => ['network', `net${at}`] as const),
    ];
    for (const [table, name] of names) {
      const found = find(leaderStore, { table, name }) ?? 'absent';
      checks.history.call(name, { kind: 'read', found }).returned({ kind: 'read', found });
    }
  }

  /** One line for each node, for a person. */
  describe(): string {
    return this.world.nodes
      .map(({ nodeId, isUp, manager }) => {
        const raft = manager?.raft;
        const member = manager && `${nodeOfPeer(manager.peerId)}: ${raft?.role ?? 'down'}`;
        const place = raft && ` t${raft.term} commit ${raft.commit}/${raft.lastIndex}`;
        return `${nodeId} ${isUp ? 'up' : 'down'} ${member ?? ''}${place ?? ''}`;
      })
      .join('\n');
  }
}

/** What a kernel that holds one plan would have to change for the other one. */
function differenceOf(wanted: Plan, actual: Plan): string | undefined {
  for (const name of new Set([...wanted.keys(), ...actual.keys()])) {
    const [one, other] = [wanted.get(name), actual.get(name)];
    if (one === undefined || other === undefined) return `only one of them has ${name}`;
    const operation = diff(other, one)[0] ?? diff(one, other)[0];
    if (operation !== undefined) return `${name}: ${JSON.stringify(operation)}`;
    if (one.length !== other.length) return `${name}: ${one.length} objects, and ${other.length}`;
  }
  return undefined;
}

function unrestOfTask({ containers }: SimNode, task: Task): string | undefined {
  const state = containers.all.get(task.id)?.state;
  const { desiredState, status } = task;
  if (desiredState === 'running' && !isTerminal(status.state))
    return state === 'running' && status.state === 'running' ? undefined : `it is ${status.state}`;
  if (desiredState === 'ready') return 'it waits to be started';
  if (state === 'running') return 'it runs on';
  return isTerminal(status.state) ? undefined : `it is ${status.state} and to end`;
}
