import test from 'ava';
import { nextRoleStep } from '../../../../src/cluster/manager/lead/roles.ts';
import type { NodeId, NodeSpec } from '../../../../src/model/index.ts';
import type { LogIndex, PeerId, PeerStatus } from '../../../../src/raft/index.ts';

type Role = NodeSpec['Role'];
type Group = Parameters<typeof nextRoleStep>[1];

const peer = (text: string): PeerId => text as PeerId;

function node(id: string, Role: Role, peerId?: string): Parameters<typeof nextRoleStep>[0] {
  const spec = { Labels: {}, Role, Availability: 'active' } as const;
  return [{ id: id as NodeId, spec, ...(peerId !== undefined && { peerId }) }];
}

function follower(id: string, given: Partial<PeerStatus> = {}): PeerStatus {
  const index = 100 as LogIndex;
  const base = { id: peer(id), state: 'replicate', match: index, next: index } as const;
  return { ...base, isActive: true, ...given };
}

/** Led by `a:1`. */
function group(voters: string[], given: Partial<Group> & { learners?: string[] } = {}): Group {
  const { learners = [], ...rest } = given;
  return {
    id: peer('a:1'),
    membership: { voters: voters.map(peer), learners: learners.map(peer) },
    isMembershipPending: false,
    commit: 100 as LogIndex,
    peers: [...voters, ...learners].filter((id) => id !== 'a:1').map((id) => follower(id)),
    ...rest,
  };
}

const A = node('a', 'manager', 'a:1');
const B = node('b', 'manager', 'b:1');
const C = node('c', 'manager', 'c:1');

interface Case {
  readonly title: string;
  readonly nodes: readonly Parameters<typeof nextRoleStep>[0][];
  readonly group: Group;
  readonly step: ReturnType<typeof nextRoleStep>;
}

const change = (kind: 'add-learner' | 'promote' | 'remove', id: string): Case['step'] => ({
  kind: 'change',
  change: { kind, peer: peer(id) },
});

const CASES: readonly Case[] = [
  { title: 'roles and group agree', nodes: [A, B], group: group(['a:1', 'b:1']), step: undefined },
  {
    title: 'a manager that is ready is added to learn',
    nodes: [A, B],
    group: group(['a:1']),
    step: change('add-learner', 'b:1'),
  },
  {
    title: 'a manager that is not ready is waited for',
    nodes: [A, node('b', 'manager')],
    group: group(['a:1']),
    step: undefined,
  },
  {
    title: 'a learner that has caught up votes',
    nodes: [A, B],
    group: group(['a:1'], { learners: ['b:1'] }),
    step: change('promote', 'b:1'),
  },
  {
    title: 'a learner that lags is waited for',
    nodes: [A, B],
    group: group(['a:1'], {
      learners: ['b:1'],
      commit: 5_000 as LogIndex,
      peers: [follower('b:1', { match: 10 as LogIndex })],
    }),
    step: undefined,
  },
  {
    title: 'a learner that is not heard is waited for',
    nodes: [A, B],
    group: group(['a:1'], { learners: ['b:1'], peers: [follower('b:1', { isActive: false })] }),
    step: undefined,
  },
  {
    title: 'a manager that is to be a worker is removed',
    nodes: [A, B, node('c', 'worker', 'c:1')],
    group: group(['a:1', 'b:1', 'c:1']),
    step: change('remove', 'c:1'),
  },
  {
    title: 'a node that is gone is removed',
    nodes: [A, B],
    group: group(['a:1', 'b:1', 'c:1']),
    step: change('remove', 'c:1'),
  },
  {
    title: 'a node that came back on another disk is removed with its old one',
    nodes: [A, node('b', 'manager', 'b:2')],
    group: group(['a:1', 'b:1']),
    step: change('remove', 'b:1'),
  },
  {
    title: 'a learner that is no longer wanted goes first',
    nodes: [A, B],
    group: group(['a:1', 'b:1'], { learners: ['c:1'] }),
    step: change('remove', 'c:1'),
  },
  {
    title: 'a removal that leaves too few in reach waits',
    nodes: [A, B, node('c', 'worker', 'c:1')],
    group: group(['a:1', 'b:1', 'c:1'], {
      peers: [follower('b:1', { isActive: false }), follower('c:1')],
    }),
    step: undefined,
  },
  {
    title: 'a voter that is out of reach is removed while the others are enough',
    nodes: [A, B, node('c', 'worker', 'c:1')],
    group: group(['a:1', 'b:1', 'c:1'], {
      peers: [follower('b:1'), follower('c:1', { isActive: false })],
    }),
    step: change('remove', 'c:1'),
  },
  {
    title: 'a leader that is to be a worker hands over',
    nodes: [node('a', 'worker', 'a:1'), B, C],
    group: group(['a:1', 'b:1', 'c:1']),
    step: { kind: 'transfer' },
  },
  {
    title: 'a leader that is alone stays',
    nodes: [node('a', 'worker', 'a:1')],
    group: group(['a:1']),
    step: undefined,
  },
  {
    title: 'a worker that is out of the group is told apart from managers',
    nodes: [A, node('b', 'worker', 'b:1')],
    group: group(['a:1']),
    step: { kind: 'retire', id: 'b' as NodeId },
  },
  {
    title: 'one change at a time',
    nodes: [A, B],
    group: group(['a:1'], { isMembershipPending: true }),
    step: undefined,
  },
];

for (const { title, nodes, group: given, step } of CASES)
  test(title, (t) =>
    t.deepEqual(
      nextRoleStep(
        nodes.flatMap((each) => [...each]),
        given,
      ),
      step,
    ),
  );
