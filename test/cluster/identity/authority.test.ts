/** Roots: which are taken, how one certifies the next, and what an update asks for. */
import { execFileSync } from 'node:child_process';
import { X509Certificate, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:tls';
import { connect } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SILENT_LOGGER } from '../../../src/base/index.ts';
import { isClusterError } from '../../../src/cluster/index.ts';
import {
  authorityDigest,
  certify,
  createAuthority,
  createNodeKey,
  describeTls,
  firstAuthority,
  planClusterUpdate,
  rootsOf,
  type Authority,
} from '../../../src/cluster/identity/index.ts';
import { crossSign, takeAuthority } from '../../../src/cluster/identity/authority/root.ts';
import type {
  AuthorityConfig,
  AuthorityRotation,
  Cluster,
  ClusterId,
  NodeId,
  Revision,
} from '../../../src/model/index.ts';
import { CLUSTER_SPEC } from '../fixture.ts';

const CLUSTER = 'cluster000000000000000000' as ClusterId;

function clusterWith(root: Authority, parts: Partial<Cluster> = {}): Cluster {
  return {
    id: CLUSTER,
    meta: { revision: 3 as Revision, createdAtMs: 0, updatedAtMs: 0 },
    spec: CLUSTER_SPEC,
    addressPools: ['10.0.0.0/8'],
    subnetBits: 24,
    dataPathPort: 4789,
    caCertificatePem: root.certificatePem,
    caKeyPem: root.keyPem,
    joinSecrets: { worker: 'w', manager: 'm' },
    ...parts,
  };
}

/** A root as an operator makes one with openssl. */
function opensslRoot(t: ExecutionContext, ...args: readonly string[]): Authority {
  const directory = mkdtempSync(join(tmpdir(), 'hawser-ca-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const common = ['req', '-x509', '-nodes', '-keyout', key, '-out', cert, '-subj', '/CN=mine'];
  execFileSync('openssl', [...common, ...args], { stdio: 'ignore' });
  return { certificatePem: readFileSync(cert, 'utf8'), keyPem: readFileSync(key, 'utf8') };
}

const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
const KINDS = [
  { name: 'P-256', args: P256 },
  { name: 'P-384', args: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1'] },
  { name: 'P-521', args: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp521r1'] },
  { name: 'RSA', args: ['-newkey', 'rsa:2048'] },
];

/** A certificate of what `cluster` signs with, as a manager and as a worker. */
async function leaf(cluster: Cluster): Promise<{ cert: string; key: string }> {
  const { keyPem: key, requestPem } = await createNodeKey();
  const subject = { nodeId: 'node' as NodeId, role: 'manager' } as const;
  const nowMs = Date.now();
  const access = undefined;
  const signed = { subject, requestPem, nowMs, access, logger: SILENT_LOGGER };
  return { cert: await certify(cluster, signed), key };
}

/** Whether ends that trust `left` and `right` take each other's certificates, in real TLS. */
async function doMeet(
  t: ExecutionContext,
  left: { cert: string; key: string; ca: string },
  right: { cert: string; key: string; ca: string },
): Promise<boolean> {
  const server = createServer({ ...left, requestCert: true, minVersion: 'TLSv1.3' });
  t.teardown(() => server.close());
  const seen = new Promise<boolean>((resolve) => {
    server.on('secureConnection', (socket) => resolve(socket.authorized));
    server.on('tlsClientError', () => resolve(false));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const isTaken = await new Promise<boolean>((resolve) => {
    const socket = connect({ ...right, port, host: '127.0.0.1', servername: 'swarm-manager' });
    t.teardown(() => socket.destroy());
    socket.on('secureConnect', () => resolve(true));
    socket.on('error', () => resolve(false));
  });
  return (await seen) && isTaken;
}

for (const { name, args } of KINDS) {
  test(`a root of an operator with an ${name} key is taken, signs, and is rotated away`, async (t) => {
    const given = takeAuthority(opensslRoot(t, ...args, '-days', '1000'), Date.now());
    const old = clusterWith(given);
    const before = { ...(await leaf(old)), ca: rootsOf(old).authorityPem };
    const next = await createAuthority(CLUSTER, Date.now());
    const crossPem = await crossSign(given, next.certificatePem);
    const digest = authorityDigest(next.certificatePem);
    const caRotation = { ...next, crossPem, digest, joinSecrets: old.joinSecrets };
    const moving = { ...old, caRotation };
    const during = { ...(await leaf(moving)), ca: rootsOf(moving).authorityPem };
    const after = { ...during, ca: next.certificatePem };
    // Who heard nothing of the rotation yet and who is through with it both meet those between.
    t.true(await doMeet(t, before, before));
    t.true(await doMeet(t, before, during));
    t.true(await doMeet(t, during, before));
    t.true(await doMeet(t, during, after));
    t.true(await doMeet(t, after, during));
    t.false(await doMeet(t, before, after));
    t.is(describeTls({ certificatePem: during.cert, authorityPem: during.ca }).issuer, digest);
    t.is(
      describeTls({ certificatePem: before.cert, authorityPem: during.ca }).issuer,
      authorityDigest(given.certificatePem),
    );
    t.is(describeTls({ certificatePem: during.cert, authorityPem: 'nothing' }).issuer, '');
  });
}

test('one root is rotated to another that is called the same', async (t) => {
  const [one, two] = [await createAuthority(CLUSTER, 0), await createAuthority(CLUSTER, 0)];
  const crossPem = await crossSign(one, two.certificatePem);
  const cross = new X509Certificate(crossPem);
  t.true(cross.ca);
  t.true(cross.checkIssued(new X509Certificate(one.certificatePem)));
  t.false(cross.checkIssued(new X509Certificate(two.certificatePem)));
  t.true(cross.publicKey.equals(new X509Certificate(two.certificatePem).publicKey));
});

test('roots that cannot be taken are refused', async (t) => {
  const mine = opensslRoot(t, ...P256, '-days', '1000');
  const other = opensslRoot(t, ...P256, '-days', '1000');
  const { cert } = await leaf(clusterWith(mine));
  const short = opensslRoot(t, ...P256, '-days', '100');
  const weak = opensslRoot(t, '-newkey', 'rsa:1024', '-days', '1000');
  const odd = opensslRoot(t, '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const locked = privateKey.export({
    ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
  });
  const cases: readonly { name: string; root: Authority; nowMs?: number }[] = [
    { name: 'no certificate', root: { ...mine, certificatePem: 'x' } },
    { name: 'two', root: { ...mine, certificatePem: mine.certificatePem + other.certificatePem } },
    { name: 'of a node', root: { certificatePem: cert, keyPem: '' } },
    { name: 'expires soon', root: short },
    { name: 'is of tomorrow', root: mine, nowMs: Date.now() - 86_400_000 },
    { name: 'a weak key', root: weak },
    { name: 'a curve that TLS does not have', root: { ...odd, keyPem: '' } },
    { name: 'the key of another', root: { ...mine, keyPem: other.keyPem } },
    { name: 'no key', root: { ...mine, keyPem: 'x' } },
    { name: 'a key under a passphrase', root: { ...mine, keyPem: String(locked) } },
  ];
  for (const { name, root, nowMs = Date.now() } of cases) {
    const error = t.throws(() => takeAuthority(root, nowMs), undefined, name);
    t.true(isClusterError(error, 'invalid-authority'), `${name}: ${String(error)}`);
  }
});

test('a key in the older spelling of EC keys is taken', (t) => {
  const root = opensslRoot(t, ...P256, '-days', '1000');
  const keyPem = createPrivateKey(root.keyPem).export({ type: 'sec1', format: 'pem' });
  const taken = takeAuthority({ ...root, keyPem: keyPem.toString() }, Date.now());
  t.regex(taken.keyPem, /^-----BEGIN PRIVATE KEY-----/);
  const directory = mkdtempSync(join(tmpdir(), 'hawser-ca-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'root.pem'), taken.certificatePem);
  const text = execFileSync('openssl', ['x509', '-in', join(directory, 'root.pem'), '-noout']);
  t.is(text.toString(), '');
});

async function plan(
  cluster: Cluster,
  config: Partial<AuthorityConfig>,
): ReturnType<typeof planClusterUpdate> {
  const spec = { ...cluster.spec, CAConfig: { ...cluster.spec.CAConfig, ...config } };
  const rotate = { workerToken: false, managerToken: false, unlockKey: false };
  const context = { nowMs: Date.now(), access: undefined };
  return planClusterUpdate(cluster, { version: cluster.meta.revision, spec, rotate }, context);
}

const given = (root: Authority): Partial<AuthorityConfig> => ({
  SigningCACert: root.certificatePem,
  SigningCAKey: root.keyPem,
});

async function rotating(): Promise<{ present: Authority; next: Authority; cluster: Cluster }> {
  const present = await createAuthority(CLUSTER, Date.now());
  const next = await createAuthority(CLUSTER, Date.now());
  const crossPem = await crossSign(present, next.certificatePem);
  const digest = authorityDigest(next.certificatePem);
  const joinSecrets = { worker: 'w', manager: 'm' };
  const caRotation: AuthorityRotation = { ...next, crossPem, digest, joinSecrets };
  return { present, next, cluster: clusterWith(present, { caRotation, caForceRotate: 1 }) };
}

test('an update that says nothing of the authority leaves it, also while it is rotated', async (t) => {
  const { present, cluster } = await rotating();
  t.is((await plan(clusterWith(present), {})).authority, undefined);
  t.is((await plan(cluster, { ForceRotate: 1, NodeCertExpiry: 3600e9 })).authority, undefined);
});

test('another ForceRotate asks for a new root, with new tokens', async (t) => {
  const { present, cluster } = await rotating();
  for (const before of [clusterWith(present), cluster]) {
    const { authority } = await plan(before, { ForceRotate: 2 });
    if (authority?.kind !== 'rotate') return t.fail();
    const { rotation, forceRotate } = authority;
    t.is(forceRotate, 2);
    t.is(rotation.digest, authorityDigest(rotation.certificatePem));
    t.not(rotation.certificatePem, before.caRotation?.certificatePem);
    // Always by the present root, which every node trusts.
    const cross = new X509Certificate(rotation.crossPem);
    t.true(cross.verify(new X509Certificate(present.certificatePem).publicKey));
    t.regex(rotation.joinSecrets.worker, /^[0-9a-z]{25}$/);
  }
});

test('a root that is named is rotated to, unless it is there or on its way', async (t) => {
  const { present, next, cluster } = await rotating();
  const third = takeAuthority(opensslRoot(t, ...P256, '-days', '1000'), Date.now());
  const { authority: rotate, spec } = await plan(cluster, given(third));
  t.is(rotate?.kind, 'rotate');
  t.is(rotate?.kind === 'rotate' && rotate.rotation.certificatePem, third.certificatePem);
  // Neither the root nor its key stays in the spec.
  t.deepEqual(spec.CAConfig, CLUSTER_SPEC.CAConfig);
  t.like((await plan(cluster, given(present))).authority, { kind: 'rekey', of: 'present' });
  t.like((await plan(cluster, given(next))).authority, {
    kind: 'rekey',
    of: 'next',
    keyPem: next.keyPem,
  });
});

test('another certificate of the present key is refused', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hawser-ca-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const root = opensslRoot(t, ...P256, '-days', '1000');
  writeFileSync(join(directory, 'key.pem'), root.keyPem);
  const args = ['req', '-x509', '-key', join(directory, 'key.pem'), '-days', '2000'];
  const again = execFileSync('openssl', [...args, '-subj', '/CN=again']).toString();
  const error = await t.throwsAsync(
    plan(clusterWith(root), given({ ...root, certificatePem: again })),
  );
  t.true(isClusterError(error, 'invalid-authority'));
});

test('an update of an older version makes no root', async (t) => {
  const { present } = await rotating();
  const cluster = clusterWith(present);
  const update = await planClusterUpdate(
    cluster,
    {
      version: 2 as Revision,
      spec: { ...CLUSTER_SPEC, CAConfig: { ...CLUSTER_SPEC.CAConfig, ForceRotate: 1 } },
      rotate: { workerToken: true, managerToken: true, unlockKey: true },
    },
    { nowMs: Date.now(), access: undefined },
  );
  t.is(update.authority, undefined);
  t.deepEqual(Object.keys(update.joinSecrets), ['worker', 'manager']);
  // Managers are not locked, so there is no key to make anew.
  t.is(update.unlockKey, undefined);
});

test('an unlock key is made when managers come to be locked, and when it is rotated', async (t) => {
  const root = await createAuthority(CLUSTER, Date.now());
  const spec = { ...CLUSTER_SPEC, EncryptionConfig: { AutoLockManagers: true } };
  const context = { nowMs: Date.now(), access: undefined };
  const keyOf = async (cluster: Cluster, unlockKey: boolean): Promise<string | undefined> => {
    const rotate = { workerToken: false, managerToken: false, unlockKey };
    const { revision: version } = cluster.meta;
    return (await planClusterUpdate(cluster, { version, spec, rotate }, context)).unlockKey;
  };
  const open = clusterWith(root);
  const locked = clusterWith(root, { spec, unlockKey: 'k' });
  t.regex((await keyOf(open, false)) ?? '', /^SWMKEY-1-/);
  t.is(await keyOf(locked, false), undefined);
  t.regex((await keyOf(locked, true)) ?? '', /^SWMKEY-1-/);
});

test('a cluster begins with a root that is given, or with one of its own', async (t) => {
  const mine = opensslRoot(t, ...P256, '-days', '1000');
  const { CAConfig } = CLUSTER_SPEC;
  const own = await firstAuthority(CAConfig, CLUSTER, Date.now());
  t.true(new X509Certificate(own.certificatePem).subject.includes(CLUSTER));
  const first = await firstAuthority({ ...CAConfig, ...given(mine) }, CLUSTER, Date.now());
  t.is(authorityDigest(first.certificatePem), authorityDigest(mine.certificatePem));
  const ExternalCAs = [
    { Protocol: 'cfssl', URL: 'https://ca', Options: {}, CACert: mine.certificatePem },
  ] as const;
  const external = await firstAuthority({ ...CAConfig, ExternalCAs }, CLUSTER, Date.now());
  t.is(external.keyPem, '');
  t.is(authorityDigest(external.certificatePem), authorityDigest(mine.certificatePem));
});
