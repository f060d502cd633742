/** Signers that others run, in clusters of real nodes. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SILENT_LOGGER } from '../../../src/base/index.ts';
import { isClusterError, type Manager } from '../../../src/cluster/index.ts';
import {
  certify,
  createAuthority,
  createNodeKey,
  issueCertificate,
  planClusterUpdate,
} from '../../../src/cluster/identity/index.ts';
import type {
  AuthorityConfig,
  Cluster,
  ClusterId,
  NodeId,
  Revision,
} from '../../../src/model/index.ts';
import { CLUSTER_SPEC, INIT, createLab, joinRequest, managerOf, until } from '../fixture.ts';
import { startSigner, type Signer } from './cfssl-signer.ts';

const CLUSTER = 'cluster000000000000000000' as ClusterId;
const SUBJECT = { nodeId: 'node' as NodeId, role: 'worker' } as const;

async function update(manager: Manager, config: Partial<AuthorityConfig>): Promise<void> {
  const { cluster } = manager.store;
  if (cluster === undefined) throw new Error('no cluster');
  const { spec, meta } = cluster;
  const plan = await manager.planUpdate({
    version: meta.revision,
    spec: { ...spec, CAConfig: { ...spec.CAConfig, ...config } },
    rotate: { workerToken: false, managerToken: false, unlockKey: false },
  });
  const outcome = await manager.propose({ ...plan, atMs: Date.now() });
  if (!outcome.ok) throw new Error(outcome.refusal.message);
}

const isSteady = (manager: Manager): boolean => manager.store.cluster?.caRotation === undefined;

test('a cluster moves to the root of an external signer, and back to one of its own', async (t) => {
  const lab = createLab(t);
  const signer = await startSigner(t);
  const { member, manager } = await lab.manager();
  const worker = await lab.worker(member);
  const config = { SigningCACert: signer.rootPem, ExternalCAs: [signer.authority] };
  await update(manager, config);
  await until('the rotation to be over', () => isSteady(manager));
  t.is(manager.store.cluster?.caKeyPem, '');
  t.is(manager.store.cluster?.caCertificatePem, signer.rootPem);
  const joiner = await lab.member();
  await joiner.join(joinRequest(member));
  const { nodeId } = joiner.status();
  const call = signer.calls.find(({ subject }) => subject.CN === nodeId);
  t.deepEqual(call?.hosts, ['swarm-worker', nodeId ?? '']);
  t.deepEqual(call?.subject.names, [{ OU: 'swarm-worker', O: manager.store.cluster?.id ?? '' }]);
  // The manager says who it is.
  t.true(signer.callers.at(-1)?.includes('OU=swarm-manager'));

  await update(manager, { ForceRotate: 1 });
  await until('the rotation back to be over', () => isSteady(manager));
  t.not(manager.store.cluster?.caKeyPem, '');
  // The external root certified the key of the next one.
  t.true(signer.calls.some(({ extensions }) => extensions?.[0]?.id === '2.5.29.19'));
  for (const each of [member, worker, joiner]) t.is(each.status().state, 'active');
});

test('a cluster may begin with the root of an external signer', async (t) => {
  const lab = createLab(t);
  const signer = await startSigner(t);
  const dataDirectory = await lab.directory();
  const member = await lab.member({ dataDirectory });
  const CAConfig = { ...CLUSTER_SPEC.CAConfig, ExternalCAs: [signer.authority] };
  await member.init({ ...INIT, spec: { ...CLUSTER_SPEC, CAConfig } });
  await lab.worker(member);
  t.is(signer.calls.length, 2);
  t.is(managerOf(member).store.cluster?.caKeyPem, '');
  const text = await readFile(join(dataDirectory, 'cluster/member.json'), 'utf8');
  const { certificatePem } = JSON.parse(text) as { certificatePem: string };
  const root = new X509Certificate(signer.rootPem);
  t.true(new X509Certificate(certificatePem).verify(root.publicKey));
});

test('the key of an external root, once given, ends the need for the signer', async (t) => {
  const lab = createLab(t);
  const signer = await startSigner(t);
  const member = await lab.member();
  const CAConfig = { ...CLUSTER_SPEC.CAConfig, ExternalCAs: [signer.authority] };
  await member.init({ ...INIT, spec: { ...CLUSTER_SPEC, CAConfig } });
  const manager = managerOf(member);
  signer.answer = () => 500;
  const refused = await t.throwsAsync((await lab.member()).join(joinRequest(member)));
  t.true(isClusterError(refused, 'signing-failed'));
  t.is(manager.store.nodes.size, 1);
  await update(manager, { SigningCACert: signer.rootPem, SigningCAKey: signer.rootKeyPem });
  t.true(isSteady(manager));
  await lab.worker(member);
  t.is(manager.store.nodes.size, 2);
});

function clusterOf(signer: Signer, caKeyPem = ''): Cluster {
  const CAConfig = { ...CLUSTER_SPEC.CAConfig, ExternalCAs: [signer.authority] };
  return {
    id: CLUSTER,
    meta: { revision: 3 as Revision, createdAtMs: 0, updatedAtMs: 0 },
    spec: { ...CLUSTER_SPEC, CAConfig },
    addressPools: [],
    subnetBits: 24,
    dataPathPort: 4789,
    caCertificatePem: signer.rootPem,
    caKeyPem,
    joinSecrets: { worker: 'w', manager: 'm' },
  };
}

async function sign(cluster: Cluster): Promise<string> {
  const { requestPem } = await createNodeKey();
  const nowMs = Date.now();
  const access = undefined;
  return certify(cluster, { subject: SUBJECT, requestPem, nowMs, access, logger: SILENT_LOGGER });
}

const answer = (certificate: string): string =>
  JSON.stringify({ success: true, result: { certificate } });

test('what a signer must not answer with is refused', async (t) => {
  const signer = await startSigner(t);
  const root = { certificatePem: signer.rootPem, keyPem: signer.rootKeyPem };
  const other = await createAuthority(CLUSTER, Date.now());
  const { requestPem: otherRequest } = await createNodeKey();
  const issue = async (
    authority: typeof root,
    requestPem: string,
    subject: object = {},
  ): Promise<string> =>
    issueCertificate(authority, {
      subject: { clusterId: CLUSTER, ...SUBJECT, ...subject },
      requestPem,
      nowMs: Date.now(),
      validityMs: 3_600_000,
    });
  const { requestPem } = await createNodeKey();
  const attempt = async (): Promise<unknown> =>
    certify(clusterOf(signer), {
      ...{ subject: SUBJECT, requestPem, nowMs: Date.now(), access: undefined },
      logger: SILENT_LOGGER,
    });
  signer.answer = undefined;
  await t.notThrowsAsync(attempt());
  const answers: readonly { name: string; answer: string | number }[] = [
    { name: 'an error', answer: '{"success":false,"errors":[{"code":1,"message":"policy"}]}' },
    { name: 'no JSON', answer: 'x' },
    { name: 'nothing', answer: '{"success":true}' },
    { name: 'a status', answer: 503 },
    { name: 'no certificate', answer: answer('x') },
    { name: 'too much', answer: answer('x'.repeat(100_000)) },
    { name: 'another key', answer: answer(await issue(root, otherRequest)) },
    { name: 'another root', answer: answer(await issue(other, requestPem)) },
    {
      name: 'another role',
      answer: answer(await issue(root, requestPem, { role: 'manager' })),
    },
    {
      name: 'another node',
      answer: answer(await issue(root, requestPem, { nodeId: 'other' as NodeId })),
    },
    {
      name: 'another cluster',
      answer: answer(await issue(root, requestPem, { clusterId: 'other' as ClusterId })),
    },
    { name: 'an authority', answer: answer(signer.rootPem) },
  ];
  for (const { name, answer: text } of answers) {
    signer.answer = () => text;
    const error = await t.throwsAsync(attempt(), undefined, name);
    t.true(isClusterError(error, 'signing-failed'), `${name}: ${String(error)}`);
  }
});

test('the next signer is asked when one fails, and the own key signs when all do', async (t) => {
  const signer = await startSigner(t);
  const nowhere = { ...signer.authority, URL: 'https://127.0.0.1:1/sign' };
  const cluster = clusterOf(signer);
  const withSigners = (...ExternalCAs: (typeof nowhere)[]): Cluster => ({
    ...cluster,
    spec: { ...cluster.spec, CAConfig: { ...cluster.spec.CAConfig, ExternalCAs } },
  });
  await sign(withSigners(nowhere, signer.authority));
  t.is(signer.calls.length, 1);
  await t.throwsAsync(sign(withSigners(nowhere)));
  await t.throwsAsync(sign(withSigners()));
  await t.notThrowsAsync(sign({ ...withSigners(nowhere), caKeyPem: signer.rootKeyPem }));
  // One that is of another root is not asked.
  const stranger = await createAuthority(CLUSTER, Date.now());
  const { length } = signer.calls;
  const foreign = { ...signer.authority, CACert: stranger.certificatePem };
  await sign({ ...withSigners(foreign), caKeyPem: signer.rootKeyPem });
  t.is(signer.calls.length, length);
});

async function plan(t: ExecutionContext, cluster: Cluster, config: Partial<AuthorityConfig>) {
  const spec = { ...cluster.spec, CAConfig: { ...cluster.spec.CAConfig, ...config } };
  const rotate = { workerToken: false, managerToken: false, unlockKey: false };
  const request = { version: cluster.meta.revision, spec, rotate };
  t.timeout(20_000);
  return planClusterUpdate(cluster, request, { nowMs: Date.now(), access: undefined });
}

test('a root without a key needs a signer of it that answers', async (t) => {
  const [signer, second] = [await startSigner(t), await startSigner(t)];
  const nowhere = { ...signer.authority, URL: 'https://127.0.0.1:1/sign' };
  const own = await createAuthority(CLUSTER, Date.now());
  const steady: Cluster = {
    ...clusterOf(signer),
    spec: CLUSTER_SPEC,
    caCertificatePem: own.certificatePem,
    caKeyPem: own.keyPem,
  };
  const SigningCACert = signer.rootPem;
  const refusals: readonly { name: string; from: Cluster; config: Partial<AuthorityConfig> }[] = [
    { name: 'no signer', from: steady, config: { SigningCACert } },
    { name: 'out of reach', from: steady, config: { SigningCACert, ExternalCAs: [nowhere] } },
    {
      name: 'of another root',
      from: steady,
      config: { SigningCACert, ExternalCAs: [second.authority] },
    },
    { name: 'the present one goes', from: clusterOf(signer), config: { ExternalCAs: [] } },
    {
      name: 'from one external root to another',
      from: clusterOf(signer),
      config: {
        SigningCACert: second.rootPem,
        ExternalCAs: [signer.authority, second.authority],
      },
    },
  ];
  for (const { name, from, config } of refusals) {
    const error = await t.throwsAsync(plan(t, from, config), undefined, name);
    t.true(isClusterError(error, 'invalid-authority'), `${name}: ${String(error)}`);
  }
  const ExternalCAs = [nowhere, signer.authority];
  const { authority } = await plan(t, steady, { SigningCACert, ExternalCAs });
  t.like(authority, { kind: 'rotate', rotation: { keyPem: '', certificatePem: SigningCACert } });
});
