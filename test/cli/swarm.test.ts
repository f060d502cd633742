/** `hawser swarm`'s verbs for the authority, the lock and the settings: what they ask and print. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createAuthority } from '../../src/cluster/identity/index.ts';
import type { ClusterId } from '../../src/model/index.ts';
import { FakeAgent, type Answers } from './fake-agent.ts';

const KEY = `SWMKEY-1-${'a'.repeat(43)}`;
const ROOT = { TrustRoot: 'ROOT\n', CertIssuerSubject: 'cw==', CertIssuerPublicKey: 'cA==' };

function swarmOf(spec: object = {}): object {
  return {
    Version: { Index: 7 },
    Spec: spec,
    TLSInfo: ROOT,
    RootRotationInProgress: false,
    JoinTokens: { Worker: 'w', Manager: 'm' },
  };
}

const node = (tls: Partial<typeof ROOT> = {}): object => ({
  Description: { TLSInfo: { ...ROOT, ...tls } },
});

async function agentWith(t: ExecutionContext, answers: Answers = {}): Promise<FakeAgent> {
  return FakeAgent.start(t, {
    'GET /swarm': swarmOf(),
    'GET /nodes': [node(), node()],
    'POST /swarm/update': '',
    'GET /swarm/unlockkey': { UnlockKey: KEY },
    ...answers,
  });
}

/** Files with a root and its key. */
async function rootFiles(t: ExecutionContext): Promise<{ cert: string; key: string; pem: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-cli-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const root = await createAuthority('c' as ClusterId, Date.now());
  const [cert, key] = [join(directory, 'ca.pem'), join(directory, 'ca-key.pem')];
  await writeFile(cert, root.certificatePem);
  await writeFile(key, root.keyPem);
  return { cert, key, pem: root.certificatePem };
}

test('swarm ca prints the root', async (t) => {
  const agent = await agentWith(t);
  t.is((await agent.run('swarm', 'ca')).stdout, 'ROOT\n');
  t.false(agent.asked.some(({ line }) => line.startsWith('POST')));
});

test('swarm ca --rotate asks for a new root, and waits for the nodes', async (t) => {
  const spec = { CAConfig: { NodeCertExpiry: 1, ForceRotate: 4 } };
  const agent = await agentWith(t, { 'GET /swarm': swarmOf(spec) });
  const { status, stdout, stderr } = await agent.run('swarm', 'ca', '--rotate');
  t.is(status, 0, stderr);
  t.is(stdout, 'ROOT\n');
  t.regex(stderr, /rotated TLS certificates: 2\/2 nodes, rotated CA certificates: 2\/2 nodes/);
  t.true(agent.asked.some(({ line }) => line === 'POST /swarm/update?version=7'));
  t.deepEqual(agent.bodyOf('POST /swarm/update'), {
    CAConfig: { NodeCertExpiry: 1, ForceRotate: 5 },
  });
});

test('a root that is given is sent, with its key, and not waited for when detached', async (t) => {
  const { cert, key, pem } = await rootFiles(t);
  const agent = await agentWith(t, { 'GET /nodes': [node({ TrustRoot: 'OLD' })] });
  const args = ['--ca-cert', cert, '--ca-key', key, '--cert-expiry', '48h', '-d'];
  const { status, stdout } = await agent.run('swarm', 'ca', '--rotate', ...args);
  t.is(status, 0);
  t.is(stdout, '');
  const { CAConfig } = agent.bodyOf('POST /swarm/update') as { CAConfig: object };
  t.like(CAConfig, { SigningCACert: pem, NodeCertExpiry: 48 * 3600e9 });
  t.false('ForceRotate' in CAConfig);
});

test('an external signer is for the root that is rotated to, or for the present one', async (t) => {
  const { cert, pem } = await rootFiles(t);
  const agent = await agentWith(t);
  const external = 'protocol=CFSSL,url=https://ca:8888/sign,key=value';
  const args = ['--ca-cert', cert, '--external-ca', external, '-q'];
  t.is((await agent.run('swarm', 'ca', '--rotate', ...args)).stderr, '');
  const signer = { Protocol: 'cfssl', URL: 'https://ca:8888/sign', Options: { key: 'value' } };
  t.like(agent.bodyOf('POST /swarm/update'), {
    CAConfig: { ExternalCAs: [{ ...signer, CACert: pem }] },
  });
  await agent.run('swarm', 'update', '--external-ca', `${external},cacert=${cert}`);
  t.like(agent.bodyOf('POST /swarm/update'), {
    CAConfig: { ExternalCAs: [{ ...signer, CACert: 'ROOT\n' }] },
  });
  const init = await agentWith(t, { 'POST /swarm/init': '"n"', 'GET /info': { Swarm: {} } });
  await init.run('swarm', 'init', '--external-ca', `${external},cacert=${cert}`);
  t.like(init.bodyOf('POST /swarm/init'), {
    Spec: { CAConfig: { ExternalCAs: [{ ...signer, CACert: pem }] } },
  });
});

const WRONG: readonly (readonly string[])[] = [
  ['ca', '--cert-expiry', '1h'],
  ['ca', '--external-ca', 'protocol=cfssl,url=https://ca'],
  ['ca', '--rotate', '--external-ca', 'protocol=cfssl,url=https://ca'],
  ['ca', '--rotate', '--ca-cert', '/etc/hostname'],
  ['ca', '--rotate', '--ca-cert', '/nonexistent', '--ca-key', '/nonexistent'],
  ['ca', '--rotate', '--ca-cert', '/etc/hostname', '--ca-key', '/etc/hostname'],
  ['update', '--external-ca', 'https://ca'],
  ['update', '--external-ca', 'protocol=acme,url=https://ca'],
  ['update', '--external-ca', 'protocol=cfssl'],
  ['update', '--cert-expiry', 'soon'],
  ['update', '--autolock', 'maybe'],
];

for (const args of WRONG) {
  test(`swarm ${args.join(' ')} is a mistake of usage`, async (t) => {
    const agent = await agentWith(t);
    t.is((await agent.run('swarm', ...args)).status, 2);
    t.false(agent.asked.some(({ line }) => line.startsWith('POST')));
  });
}

test('swarm update changes what is named, and shows the key when it locks', async (t) => {
  const agent = await agentWith(t);
  const flags = ['--task-history-limit', '3', '--max-snapshots', '1', '--autolock'];
  const { stdout } = await agent.run('swarm', 'update', ...flags, '--snapshot-interval', '99');
  t.deepEqual(agent.bodyOf('POST /swarm/update'), {
    CAConfig: {},
    Orchestration: { TaskHistoryRetentionLimit: 3 },
    Raft: { KeepOldSnapshots: 1, SnapshotInterval: 99 },
    EncryptionConfig: { AutoLockManagers: true },
  });
  t.true(stdout.startsWith('Swarm updated.\n'));
  t.true(stdout.includes(`\n    ${KEY}\n`));
  await agent.run('swarm', 'update', '--autolock=false', '--dispatcher-heartbeat', '7s');
  t.like(agent.bodyOf('POST /swarm/update'), {
    Dispatcher: { HeartbeatPeriod: 7e9 },
    EncryptionConfig: { AutoLockManagers: false },
  });
  t.regex((await agent.run('swarm', 'update')).stdout, /Usage: hawser swarm update/);
});

test('swarm unlock-key shows the key, and rotates it where there is one', async (t) => {
  const open = await agentWith(t, { 'GET /swarm/unlockkey': { UnlockKey: '' } });
  t.is((await open.run('swarm', 'unlock-key')).status, 1);
  t.is((await open.run('swarm', 'unlock-key', '--rotate')).status, 1);
  const locking = swarmOf({ EncryptionConfig: { AutoLockManagers: true } });
  const agent = await agentWith(t, { 'GET /swarm': locking });
  t.is((await agent.run('swarm', 'unlock-key', '-q')).stdout, `${KEY}\n`);
  const rotated = await agent.run('swarm', 'unlock-key', '--rotate');
  t.true(rotated.stdout.startsWith('Successfully rotated manager unlock key.\n'));
  const line = 'POST /swarm/update?version=7&rotateManagerUnlockKey=true';
  t.true(agent.asked.some((asked) => asked.line === line));
});

test('swarm unlock asks for the key only of a manager that is locked', async (t) => {
  for (const LocalNodeState of ['inactive', 'active', 'pending', 'error']) {
    const agent = await agentWith(t, { 'GET /info': { Swarm: { LocalNodeState } } });
    t.is((await agent.run('swarm', 'unlock')).status, 1);
  }
  const locked = { Swarm: { LocalNodeState: 'locked' } };
  const agent = await agentWith(t, { 'GET /info': locked, 'POST /swarm/unlock': '' });
  t.is((await agent.runWithInput(` ${KEY} \n`, 'swarm', 'unlock')).status, 0);
  t.deepEqual(agent.bodyOf('POST /swarm/unlock'), { UnlockKey: KEY });
});

test('swarm join hands over token, addresses and availability, and says as what', async (t) => {
  for (const [ControlAvailable, role] of [
    [true, 'manager'],
    [false, 'worker'],
  ] as const) {
    const agent = await agentWith(t, {
      'GET /info': { Swarm: { ControlAvailable } },
      'POST /swarm/join': '',
    });
    const flags = ['--token', 'SWMTKN-1-a-b', '--availability', 'drain'];
    const { stdout } = await agent.run('swarm', 'join', ...flags, '10.0.0.1');
    t.is(stdout, `This node joined a swarm as a ${role}.\n`);
    t.like(agent.bodyOf('POST /swarm/join'), {
      RemoteAddrs: ['10.0.0.1:2377'],
      JoinToken: 'SWMTKN-1-a-b',
      Availability: 'drain',
    });
  }
});

test('swarm init --force-new-cluster asks for it', async (t) => {
  const agent = await agentWith(t, { 'POST /swarm/init': '"n"', 'GET /info': { Swarm: {} } });
  await agent.run('swarm', 'init', '--force-new-cluster');
  t.like(agent.bodyOf('POST /swarm/init'), { ForceNewCluster: true });
});
