/** Rotating the root, in clusters of real nodes on loopback: nobody is lost, nobody is let in. */
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import test from 'ava';
import { isClusterError, type ClusterMember, type Manager } from '../../src/cluster/index.ts';
import {
  authorityDigest,
  isLocked,
  loadMembership,
  type Membership,
} from '../../src/cluster/identity/index.ts';
import type { Cluster, ClusterSpec, NodeId } from '../../src/model/index.ts';
import { SOON, createLab, joinRequest, until } from './fixture.ts';

/** For clusters whose nodes are away for a moment, and not down. */
const PATIENT = { tuning: { heartbeatMs: 60_000 } };

function clusterIn(manager: Manager): Cluster {
  const { cluster } = manager.store;
  if (cluster === undefined) throw new Error('no cluster');
  return cluster;
}

async function update(manager: Manager, config: Partial<ClusterSpec['CAConfig']>): Promise<void> {
  const { meta, spec } = clusterIn(manager);
  const plan = await manager.planUpdate({
    version: meta.revision,
    spec: { ...spec, CAConfig: { ...spec.CAConfig, ...config } },
    rotate: { workerToken: false, managerToken: false, unlockKey: false },
  });
  const outcome = await manager.propose({ ...plan, atMs: Date.now() });
  if (!outcome.ok) throw new Error(outcome.refusal.message);
}

async function rotate(manager: Manager): Promise<void> {
  const { caForceRotate = 0 } = clusterIn(manager);
  await update(manager, { ForceRotate: caForceRotate + 1 });
}

const isSteady = (manager: Manager): boolean => clusterIn(manager).caRotation === undefined;

function rootsOfNode(manager: Manager, member: ClusterMember): readonly string[] {
  const node = manager.store.nodes.get(member.status().nodeId as NodeId);
  return [node?.description.tls?.issuer ?? '', ...(node?.description.tls?.trust ?? [])];
}

async function membershipIn(dataDirectory: string): Promise<Membership> {
  const found = await loadMembership(join(dataDirectory, 'cluster'));
  if (found === undefined || isLocked(found)) throw new Error('no membership');
  return found;
}

test('every node moves to the new root, in session throughout, and tokens follow', async (t) => {
  const lab = createLab(t);
  const own = await lab.directory();
  const { member, manager } = await lab.manager({ dataDirectory: own });
  const workers = [await lab.worker(member), await lab.worker(member)];
  const before = clusterIn(manager);
  const tokens = manager.joinTokens();
  const lost: string[] = [];
  for (const worker of workers)
    worker.onStatus(({ state }) => void (state === 'active' || lost.push(state)));
  await rotate(manager);
  await until('the rotation to be over', () => isSteady(manager));
  const after = clusterIn(manager);
  t.not(after.caCertificatePem, before.caCertificatePem);
  const digest = authorityDigest(after.caCertificatePem);
  const all = [member, ...workers];
  await until('everybody to trust the new root alone', () =>
    all.every((each) => rootsOfNode(manager, each).join() === `${digest},${digest}`),
  );
  t.deepEqual(lost, []);
  t.true(manager.joinTokens().worker.startsWith(`SWMTKN-1-${digest}-`));
  t.not(manager.joinTokens().worker.slice(60), tokens.worker.slice(60));
  const joiner = await lab.member();
  const error = await t.throwsAsync(joiner.join(joinRequest(member, tokens.worker)));
  t.true(isClusterError(error, 'ca-mismatch'));
  await joiner.join(joinRequest(member));
  const { authorityPem } = await membershipIn(own);
  t.is(authorityPem, after.caCertificatePem);
});

test('a node that joins during a rotation has both roots, and finishes it', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager(PATIENT);
  const away = await lab.directory();
  await (await lab.worker(member, { dataDirectory: away })).close();
  await rotate(manager);
  const { caRotation, caCertificatePem } = clusterIn(manager);
  t.truthy(caRotation);
  // The tokens name the root that there is until the rotation is over.
  t.true(manager.joinTokens().worker.includes(authorityDigest(caCertificatePem)));
  const dataDirectory = await lab.directory();
  await lab.worker(member, { dataDirectory });
  const { authorityPem, certificatePem } = await membershipIn(dataDirectory);
  t.is(authorityPem, `${caCertificatePem}${caRotation?.certificatePem ?? ''}`);
  t.true(certificatePem.endsWith(caRotation?.crossPem ?? '-'));
  t.false(isSteady(manager));
  await lab.member({ dataDirectory: away });
  await until('the rotation to be over', () => isSteady(manager));
});

/** Whether the node trusts the root alone, and has a certificate by it. */
async function isOfRoot(dataDirectory: string, root: string): Promise<boolean> {
  const { authorityPem, certificatePem } = await membershipIn(dataDirectory);
  const isSigned = new X509Certificate(certificatePem).verify(new X509Certificate(root).publicKey);
  return authorityPem === root && isSigned;
}

test('a node that was down while the root was rotated comes back by itself', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager(SOON);
  const dataDirectory = await lab.directory();
  const worker = await lab.worker(member, { dataDirectory });
  const id = worker.status().nodeId as NodeId;
  await worker.close();
  await until('it to be down', () => manager.store.nodes.get(id)?.state === 'down');
  const stale = await membershipIn(dataDirectory);
  await rotate(manager);
  await until('the rotation to be over', () => isSteady(manager));
  t.is((await membershipIn(dataDirectory)).authorityPem, stale.authorityPem);
  const again = await lab.member({ dataDirectory });
  await until('it to be in session', () => again.status().state === 'active');
  const root = clusterIn(manager).caCertificatePem;
  const endMs = Date.now() + 10_000;
  while (!(await isOfRoot(dataDirectory, root)))
    if (Date.now() > endMs) return t.fail('the new root is not trusted, or did not sign');
  t.pass();
});

test('one rotation after the other, and one that takes the place of another', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager(PATIENT);
  const worker = await lab.worker(member);
  const seen = new Set([clusterIn(manager).caCertificatePem]);
  for (let round = 0; round < 2; round += 1) {
    await rotate(manager);
    await until('the rotation to be over', () => isSteady(manager));
    seen.add(clusterIn(manager).caCertificatePem);
  }
  t.is(seen.size, 3);
  const away = await lab.directory();
  await (await lab.worker(member, { dataDirectory: away })).close();
  await rotate(manager);
  const first = clusterIn(manager).caRotation?.digest;
  await rotate(manager);
  const second = clusterIn(manager).caRotation?.digest;
  t.not(first, second);
  await lab.member({ dataDirectory: away });
  await until('the rotation to be over', () => isSteady(manager));
  t.is(authorityDigest(clusterIn(manager).caCertificatePem), second ?? '');
  t.is(worker.status().state, 'active');
});
