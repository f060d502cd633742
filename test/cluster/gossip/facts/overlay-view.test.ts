import test from 'ava';
import type { EndpointRow, NodeId } from '../../../../src/model/index.ts';
import { ViewOverlay, type Findings } from '../../../../src/cluster/gossip/facts/overlay-view.ts';
import { endpoint, nodeId, peer, taskId, view } from './rows.ts';

const NOTHING: Findings = { isLost: () => false, stateOf: () => undefined };

const lost = (...numbers: readonly number[]): Findings => ({
  ...NOTHING,
  isLost: (id: NodeId) => numbers.map(nodeId).includes(id),
});

/** Node 2 says this of every task. */
const said = (state: 'ready' | 'draining'): Findings => ({
  ...NOTHING,
  stateOf: (_, id) => (id === nodeId(2) ? state : undefined),
});

test('a view of which gossip knows nothing is the view itself', (t) => {
  const told = view({ endpoints: [endpoint(1, 2)] });
  t.is(new ViewOverlay().apply(told, NOTHING), told);
});

type Loose = { -readonly [Field in keyof EndpointRow]: EndpointRow[Field] };

const CASES = [
  { name: 'serving, nothing said', row: {}, findings: NOTHING, expected: true },
  {
    name: 'not serving, nothing said',
    row: { isServing: false },
    findings: NOTHING,
    expected: false,
  },
  { name: 'its node is lost', row: {}, findings: lost(2), expected: false },
  { name: 'another node is lost', row: {}, findings: lost(3), expected: true },
  {
    name: 'draining before the manager says so',
    row: {},
    findings: said('draining'),
    expected: false,
  },
  { name: 'ready and serving', row: {}, findings: said('ready'), expected: true },
  {
    name: 'ready before the manager heard of it',
    row: { isServing: false },
    findings: said('ready'),
    expected: true,
  },
  {
    name: 'ready, but managers want it no more',
    row: { isServing: false, isWanted: false },
    findings: said('ready'),
    expected: false,
  },
  {
    name: 'ready, and its manager says nothing of what it wants',
    row: { isServing: false, isWanted: undefined },
    findings: said('ready'),
    expected: false,
  },
  {
    name: 'ready on a node that is lost',
    row: {},
    findings: { ...said('ready'), isLost: () => true },
    expected: false,
  },
  {
    name: 'another node speaks of it',
    row: { nodeId: nodeId(3) },
    findings: said('draining'),
    expected: true,
  },
] as const;

for (const { name, row, findings, expected } of CASES)
  test(`whether an endpoint serves: ${name}`, (t) => {
    const { isWanted, ...rest } = { isWanted: true, ...row };
    const told: Loose = { ...endpoint(1, 2, rest) };
    if (isWanted === undefined) delete told.isWanted;
    else told.isWanted = isWanted;
    const overlaid = new ViewOverlay().apply(view({ endpoints: [told] }), findings);
    t.deepEqual(overlaid.endpoints.get(taskId(1)), { ...told, isServing: expected });
  });

test('a lost node is down, and nothing else of the view is another', (t) => {
  const told = view({ endpoints: [endpoint(1, 2), endpoint(2, 3)] });
  const overlaid = new ViewOverlay().apply(told, lost(2));
  t.deepEqual(overlaid.peers.get(nodeId(2)), peer(2, false));
  t.is(overlaid.peers.get(nodeId(3)), told.peers.get(nodeId(3)));
  t.is(overlaid.endpoints.get(taskId(2)), told.endpoints.get(taskId(2)));
  t.deepEqual([...overlaid.endpoints.keys()], [...told.endpoints.keys()]);
  t.is(overlaid.networks, told.networks);
  t.is(overlaid.assignments, told.assignments);
  t.is(overlaid.revision, told.revision);
});

test('equal findings give the same view, and equal rows over another view the same rows', (t) => {
  const overlay = new ViewOverlay();
  const rows = [endpoint(1, 2), endpoint(2, 3)];
  const first = overlay.apply(view({ endpoints: rows }), lost(2));
  const base = view({ endpoints: rows, revision: 2 });
  const second = overlay.apply(base, lost(2));
  t.not(second, first);
  t.is(second.endpoints.get(taskId(1)), first.endpoints.get(taskId(1)));
  t.is(overlay.apply(base, lost(2)), second);
});

test('what is not lost any more is as it was told', (t) => {
  const overlay = new ViewOverlay();
  const told = view({ endpoints: [endpoint(1, 2)] });
  t.false(overlay.apply(told, lost(2)).endpoints.get(taskId(1))?.isServing);
  t.is(overlay.apply(told, NOTHING), told);
});

test('one loss after another is noticed while the view stays', (t) => {
  const overlay = new ViewOverlay();
  const told = view({ endpoints: [endpoint(1, 2), endpoint(2, 3)] });
  const one = overlay.apply(told, lost(2));
  const both = overlay.apply(told, lost(2, 3));
  t.not(one, both);
  t.deepEqual(
    [...both.endpoints.values()].map(({ isServing }) => isServing),
    [false, false],
  );
});
