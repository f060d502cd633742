/** What `GET /swarm` and `GET /nodes` say of roots while one is rotated; locking and unlocking. */
import test from 'ava';
import { createAuthority } from '../../../src/cluster/identity/index.ts';
import type { ClusterId } from '../../../src/model/index.ts';
import { UNLOCK_KEY } from '../fake-member.ts';
import { Fixture } from '../fixture.ts';

interface TlsInfo {
  readonly TrustRoot: string;
  readonly CertIssuerSubject: string;
  readonly CertIssuerPublicKey: string;
}

interface SwarmDocument {
  readonly Version: { readonly Index: number };
  readonly Spec: { readonly CAConfig: object; readonly EncryptionConfig: object };
  readonly TLSInfo: TlsInfo;
  readonly RootRotationInProgress: boolean;
  readonly JoinTokens: { readonly Worker: string; readonly Manager: string };
}

interface NodeDocument {
  readonly Description: { readonly TLSInfo: TlsInfo };
}

async function swarmOf(fixture: Fixture): Promise<SwarmDocument> {
  return (await fixture.ask('GET', '/swarm')).document as SwarmDocument;
}

async function nodesOf(fixture: Fixture): Promise<readonly TlsInfo[]> {
  const { document } = await fixture.ask('GET', '/nodes');
  return (document as NodeDocument[]).map((node) => node.Description.TLSInfo);
}

async function update(
  fixture: Fixture,
  parts: { readonly CAConfig?: object; readonly EncryptionConfig?: object },
  query = '',
): Promise<{ readonly status: number; readonly text: string }> {
  const { Version, Spec } = await swarmOf(fixture);
  const body = {
    ...Spec,
    ...parts,
    CAConfig: { ...Spec.CAConfig, ...parts.CAConfig },
  };
  return fixture.ask('POST', `/swarm/update?version=${Version.Index}${query}`, body);
}

test('during a rotation the issuer is the next root, and the trust the present one', async (t) => {
  const fixture = await Fixture.startManager(t);
  fixture.member.doNodesMove = false;
  const before = await swarmOf(fixture);
  t.false(before.RootRotationInProgress);
  const { status } = await update(fixture, { CAConfig: { ForceRotate: 1 } });
  t.is(status, 200);
  const during = await swarmOf(fixture);
  t.true(during.RootRotationInProgress);
  t.is(during.TLSInfo.TrustRoot, before.TLSInfo.TrustRoot);
  t.not(during.TLSInfo.CertIssuerPublicKey, before.TLSInfo.CertIssuerPublicKey);
  t.is(during.JoinTokens.Worker, before.JoinTokens.Worker);
  fixture.member.moveNodes();
  const after = await swarmOf(fixture);
  t.false(after.RootRotationInProgress);
  t.not(after.TLSInfo.TrustRoot, before.TLSInfo.TrustRoot);
  t.is(after.TLSInfo.CertIssuerPublicKey, during.TLSInfo.CertIssuerPublicKey);
  t.not(after.JoinTokens.Worker, before.JoinTokens.Worker);
  for (const node of await nodesOf(fixture)) t.deepEqual(node, after.TLSInfo);
});

test('a node is shown with the roots that it has, and with none that the cluster forgot', async (t) => {
  const fixture = await Fixture.startManager(t);
  await update(fixture, { CAConfig: { ForceRotate: 1 } });
  const moved = await swarmOf(fixture);
  fixture.member.doNodesMove = false;
  await update(fixture, { CAConfig: { ForceRotate: 2 } });
  const during = await swarmOf(fixture);
  for (const node of await nodesOf(fixture)) {
    t.is(node.TrustRoot, moved.TLSInfo.TrustRoot);
    t.not(node.CertIssuerPublicKey, during.TLSInfo.CertIssuerPublicKey);
  }
  await update(fixture, { CAConfig: { ForceRotate: 3 } });
  fixture.member.moveNodes();
  fixture.member.doNodesMove = true;
  const { store } = fixture.member;
  const [node] = store.nodes.values();
  if (node === undefined) return t.fail();
  const tls = { issuer: 'long ago', trust: ['long ago'], leaf: '' };
  const { id, address, vtep, description } = node;
  const parts = { id, address, vtep, description: { ...description, tls } };
  store.apply({ type: 'node.register', atMs: 1, role: 'worker', ...parts });
  const unknown = { CertIssuerSubject: '', CertIssuerPublicKey: '', TrustRoot: '' };
  t.deepEqual((await nodesOf(fixture))[0], unknown);
});

test('a root that is given is rotated to, and neither it nor its key is ever shown', async (t) => {
  const fixture = await Fixture.startManager(t);
  const root = await createAuthority('c' as ClusterId, Date.now());
  const CAConfig = { SigningCACert: root.certificatePem, SigningCAKey: root.keyPem };
  t.is((await update(fixture, { CAConfig })).status, 200);
  const { document, text } = await fixture.ask('GET', '/swarm');
  t.is((document as SwarmDocument).TLSInfo.TrustRoot, root.certificatePem);
  t.false(text.includes('SigningCA') || text.includes('PRIVATE KEY'));
  t.false((await fixture.ask('GET', '/info')).text.includes('PRIVATE KEY'));
  t.false(JSON.stringify(fixture.member.store.cluster?.spec).includes('PRIVATE KEY'));
});

const REFUSED = [
  { name: 'a key without its root', CAConfig: { SigningCAKey: 'x' } },
  { name: 'a root that is none', CAConfig: { SigningCACert: 'x', SigningCAKey: 'x' } },
  { name: 'a life of minutes', CAConfig: { NodeCertExpiry: 60e9 } },
  {
    name: 'a signer of another protocol',
    CAConfig: { ExternalCAs: [{ Protocol: 'acme', URL: 'https://ca' }] },
  },
];

for (const { name, CAConfig } of REFUSED) {
  test(`an update with ${name} is refused and changes nothing`, async (t) => {
    const fixture = await Fixture.startManager(t);
    const before = await swarmOf(fixture);
    const { status } = await update(fixture, { CAConfig });
    t.is(status, 400);
    t.deepEqual(await swarmOf(fixture), before);
  });
}

async function unlockKeyOf(fixture: Fixture): Promise<string> {
  const { document } = await fixture.ask('GET', '/swarm/unlockkey');
  return (document as { UnlockKey: string }).UnlockKey;
}

test('the unlock key is there while managers are locked, and changes when it is rotated', async (t) => {
  const fixture = await Fixture.startManager(t);
  t.is(await unlockKeyOf(fixture), '');
  await update(fixture, { EncryptionConfig: { AutoLockManagers: true } });
  const first = await unlockKeyOf(fixture);
  t.regex(first, /^SWMKEY-1-/);
  await update(fixture, {});
  t.is(await unlockKeyOf(fixture), first);
  await update(fixture, {}, '&rotateManagerUnlockKey=true');
  t.not(await unlockKeyOf(fixture), first);
  t.false((await fixture.ask('GET', '/swarm')).text.includes('SWMKEY'));
  await update(fixture, { EncryptionConfig: { AutoLockManagers: false } });
  t.is(await unlockKeyOf(fixture), '');
});

for (const body of [
  { AutoLockManagers: true },
  { Spec: { EncryptionConfig: { AutoLockManagers: true } } },
]) {
  test(`init with ${JSON.stringify(body)} locks managers`, async (t) => {
    const fixture = await Fixture.start(t);
    await fixture.ask('POST', '/swarm/init', body);
    t.is(await unlockKeyOf(fixture), UNLOCK_KEY);
  });
}

test('only a locked manager is unlocked, with its key', async (t) => {
  const fixture = await Fixture.start(t);
  const unlock = async (UnlockKey: string): Promise<number> =>
    (await fixture.ask('POST', '/swarm/unlock', { UnlockKey })).status;
  t.is(await unlock(UNLOCK_KEY), 503);
  await fixture.ask('POST', '/swarm/init', { AutoLockManagers: true });
  t.is(await unlock(UNLOCK_KEY), 409);
  fixture.member.lock(UNLOCK_KEY);
  const refused = await fixture.ask('GET', '/nodes');
  t.is(refused.status, 503);
  t.regex(refused.text, /Swarm is encrypted and needs to be unlocked before it can be used\./);
  t.is((await fixture.ask('POST', '/swarm/leave')).status, 503);
  t.is(await unlock('SWMKEY-1-wrong'), 400);
  t.is(await unlock(UNLOCK_KEY), 200);
  t.is((await fixture.ask('GET', '/nodes')).status, 200);
});
