import test from 'ava';
import { HOST_NAMESPACE, overlayNamespace, type Plan } from '../../../src/dataplane/index.ts';
import type { NetworkId, Revision } from '../../../src/model/index.ts';
import { Acknowledgements } from '../../../src/node/index.ts';
import { NETWORK, view } from '../../cluster/gossip/facts/rows.ts';

interface Wait {
  readonly namespaces: readonly string[];
  readonly reach: () => void;
  readonly fail: () => void;
}

function world(): {
  readonly acknowledgements: Acknowledgements;
  readonly waits: Wait[];
  readonly told: string[];
} {
  const waits: Wait[] = [];
  const told: string[] = [];
  const acknowledgements = new Acknowledgements({
    whenConverged: (namespaces) =>
      new Promise((resolve, reject) => {
        const fail = (): void => reject(new Error('the kernel refuses'));
        waits.push({ namespaces, reach: resolve, fail });
      }),
    acknowledge: (networkId: NetworkId, revision: Revision) =>
      told.push(`${networkId}@${revision}`),
  });
  return { acknowledgements, waits, told };
}

const OWN = overlayNamespace(NETWORK);
const PLAN: Plan = new Map([
  [HOST_NAMESPACE, []],
  [OWN, []],
]);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a revision is acknowledged once the network’s namespace holds what is planned', async (t) => {
  const { acknowledgements, waits, told } = world();
  acknowledgements.planned(view({ revision: 5 }), PLAN);
  await turn();
  t.deepEqual(waits[0]?.namespaces, [OWN]);
  t.deepEqual(told, []);
  waits[0]?.reach();
  await turn();
  t.deepEqual(told, [`${NETWORK}@5`]);
});

test('views that come meanwhile are acknowledged together, by the newest', async (t) => {
  const { acknowledgements, waits, told } = world();
  for (const revision of [5, 6, 7]) acknowledgements.planned(view({ revision }), PLAN);
  await turn();
  t.is(waits.length, 1);
  waits[0]?.reach();
  await turn();
  t.deepEqual(told, [`${NETWORK}@7`]);
  acknowledgements.planned(view({ revision: 7 }), PLAN);
  await turn();
  t.is(waits.length, 1, 'there is nothing new to wait for');
});

test('what the kernel refuses is waited for again', async (t) => {
  const { acknowledgements, waits, told } = world();
  acknowledgements.planned(view({ revision: 5 }), PLAN);
  await turn();
  waits[0]?.fail();
  await turn();
  t.deepEqual(told, []);
  waits[1]?.reach();
  await turn();
  t.deepEqual(told, [`${NETWORK}@5`]);
});

test('a network that needs nothing of the kernel is acknowledged at once', async (t) => {
  const { acknowledgements, waits, told } = world();
  acknowledgements.planned(view({ revision: 5 }), new Map());
  await turn();
  t.deepEqual(told, [`${NETWORK}@5`]);
  t.is(waits.length, 0);
});

test('a namespace that came into the plan meanwhile is waited for as well', async (t) => {
  const { acknowledgements, waits, told } = world();
  const plan = new Map([[OWN, []]]);
  const ingress = { ...view({ revision: 5 }) };
  const networks = new Map(
    [...ingress.networks].map(([id, row]) => [id, { ...row, isIngress: true }]),
  );
  acknowledgements.planned({ ...ingress, networks }, plan);
  await turn();
  acknowledgements.planned({ ...ingress, networks }, PLAN);
  waits[0]?.reach();
  await turn();
  t.deepEqual(told, []);
  t.deepEqual(waits[1]?.namespaces, [OWN, HOST_NAMESPACE]);
});

test('of a network that is gone, and after the end, nothing is said', async (t) => {
  const { acknowledgements, waits, told } = world();
  acknowledgements.planned(view({ revision: 5 }), PLAN);
  await turn();
  acknowledgements.planned({ ...view({ revision: 6 }), networks: new Map() }, PLAN);
  waits[0]?.reach();
  acknowledgements.planned(view({ revision: 7 }), PLAN);
  acknowledgements.close();
  await turn();
  waits[1]?.reach();
  await turn();
  t.deepEqual(told, []);
});
