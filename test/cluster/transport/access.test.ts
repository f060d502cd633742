/** Who may call what: every route of the door, by everybody who could come to it. */
import { connect, type ClientHttp2Session } from 'node:http2';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Manager } from '../../../src/cluster/index.ts';
import {
  createAuthority,
  createNodeKey,
  isLocked,
  issueCertificate,
  loadMembership,
  type Authority,
  type CertificateSubject,
} from '../../../src/cluster/identity/index.ts';
import { ACCESS } from '../../../src/cluster/transport/index.ts';
import type { Cluster, ClusterId, NodeId } from '../../../src/model/index.ts';
import { SOON, createLab, until } from '../fixture.ts';

interface Shown {
  readonly cert: string;
  readonly key: string;
}

interface Stage {
  readonly address: string;
  readonly manager: Manager;
  readonly cluster: Cluster;
  /** Who comes, by what is said of them in `EXPECTED`. */
  readonly visitors: Readonly<Record<Visitor, Shown | undefined>>;
}

const VISITORS = [
  'stranger',
  'worker',
  'manager',
  'removed node',
  'node of another cluster',
  'forged node',
  'expired node',
  'node of a root that was rotated away',
  'node that pretends to be of that root',
] as const;
type Visitor = (typeof VISITORS)[number];
type Route = keyof typeof ACCESS;

/**
 * Status of the answer to a call with an empty body, which those who are let in get a 400 for, and
 * `code` of a refusal. `200` where the call needs none.
 */
const EXPECTED: Readonly<Record<Route, Readonly<Record<Visitor, string>>>> = {
  'GET /v1/ca': everybody('200'),
  'POST /v1/join': everybody('400 protocol'),
  'POST /v1/renew': {
    ...everybody('403 forbidden'),
    worker: '400 protocol',
    manager: '400 protocol',
    'removed node': '400 protocol',
    'expired node': '403 certificate-expired',
    'node of a root that was rotated away': '400 protocol',
  },
  'POST /v1/managers': {
    ...everybody('403 forbidden'),
    manager: '400 protocol',
    'expired node': '403 certificate-expired',
    'node of a root that was rotated away': '403 certificate-superseded',
  },
  'POST /v1/session': {
    ...everybody('403 forbidden'),
    worker: '200',
    manager: '200',
    'removed node': '200',
    'expired node': '403 certificate-expired',
    'node of a root that was rotated away': '403 certificate-superseded',
  },
  // Nobody waits for output, so that is what a node hears.
  'POST /v1/logs': {
    ...everybody('403 forbidden'),
    worker: '400 invalid-request',
    manager: '400 invalid-request',
    'removed node': '400 invalid-request',
    'expired node': '403 certificate-expired',
    'node of a root that was rotated away': '403 certificate-superseded',
  },
};

function everybody(answer: string): Record<Visitor, string> {
  return Object.fromEntries(VISITORS.map((each) => [each, answer])) as Record<Visitor, string>;
}

async function show(
  authority: Authority,
  subject: CertificateSubject,
  atMs = Date.now(),
): Promise<Shown> {
  const { keyPem: key, requestPem } = await createNodeKey();
  const life = { nowMs: atMs, validityMs: 3_600_000 };
  return { key, cert: await issueCertificate(authority, { subject, requestPem, ...life }) };
}

function rootOf(cluster: Cluster): Authority {
  return { certificatePem: cluster.caCertificatePem, keyPem: cluster.caKeyPem };
}

function clusterIn(manager: Manager): Cluster {
  const { cluster } = manager.store;
  if (cluster === undefined) throw new Error('no cluster');
  return cluster;
}

async function rotateRoot(manager: Manager): Promise<void> {
  const { meta, spec } = clusterIn(manager);
  const plan = await manager.planUpdate({
    version: meta.revision,
    spec: { ...spec, CAConfig: { ...spec.CAConfig, ForceRotate: 1 } },
    rotate: { workerToken: false, managerToken: false, unlockKey: false },
  });
  await manager.propose({ ...plan, atMs: Date.now() });
  await until('the rotation to be over', () => clusterIn(manager).caRotation === undefined);
}

async function stage(t: ExecutionContext): Promise<Stage> {
  const lab = createLab(t);
  const { member, manager } = await lab.manager(SOON);
  const dataDirectory = await lab.directory();
  const away = await lab.worker(member, { dataDirectory });
  const awayId = away.status().nodeId as NodeId;
  await away.close();
  const held = await loadMembership(join(dataDirectory, 'cluster'));
  if (held === undefined || isLocked(held)) throw new Error('no membership');
  await until('it to be down', () => manager.store.nodes.get(awayId)?.state === 'down');
  const before = clusterIn(manager);
  await rotateRoot(manager);
  const cluster = clusterIn(manager);
  const clusterId = cluster.id;
  const worker = (await lab.worker(member)).status().nodeId as NodeId;
  const subject = { clusterId, nodeId: worker, role: 'worker' } as const;
  const other = 'other00000000000000000000' as ClusterId;
  const foreign = await createAuthority(other, Date.now());
  const old = { clusterId, nodeId: awayId, role: 'worker' } as const;
  return {
    address: member.status().advertiseAddress ?? '',
    manager,
    cluster,
    visitors: {
      stranger: undefined,
      worker: await show(rootOf(cluster), subject),
      manager: await show(rootOf(cluster), { ...subject, role: 'manager' }),
      'removed node': await show(rootOf(cluster), { ...subject, nodeId: 'gone' as NodeId }),
      'node of another cluster': await show(foreign, { ...subject, clusterId: other }),
      'forged node': await show(foreign, subject),
      'expired node': await show(rootOf(cluster), subject, Date.now() - 7_200_000),
      'node of a root that was rotated away': { cert: held.certificatePem, key: held.keyPem },
      // Whoever stole the old root's key can make this one, and not the one that is remembered.
      'node that pretends to be of that root': await show(rootOf(before), old),
    },
  };
}

async function call(session: ClientHttp2Session, route: string): Promise<string> {
  const [method, path] = route.split(' ');
  const stream = session.request({ ':method': method, ':path': path });
  stream.on('error', () => undefined);
  const status = new Promise<number>((resolve, reject) => {
    stream.once('response', (headers) => resolve(headers[':status'] ?? 0));
    stream.once('close', () => reject(new Error('closed without an answer')));
  });
  stream.end();
  const seen = await status;
  if (seen === 200) {
    stream.close();
    return '200';
  }
  let text = '';
  for await (const chunk of stream as AsyncIterable<Buffer>) text += chunk.toString();
  return `${seen} ${(JSON.parse(text) as { code: string }).code}`;
}

test('each route takes whom it is for, and nobody else', async (t) => {
  const { address, visitors } = await stage(t);
  t.deepEqual(Object.keys(EXPECTED), Object.keys(ACCESS));
  for (const visitor of VISITORS) {
    const shown = visitors[visitor];
    const options = { rejectUnauthorized: false, ...shown };
    const session = connect(`https://${address}`, options);
    session.on('error', () => undefined);
    t.teardown(() => session.destroy());
    for (const route of Object.keys(ACCESS) as Route[]) {
      const path = route === 'POST /v1/logs' ? `${route}/abc` : route;
      t.is(await call(session, path), EXPECTED[route][visitor], `${visitor}: ${route}`);
    }
  }
});

test('a removed node that is let in gets no certificate and no session', async (t) => {
  const { address, visitors } = await stage(t);
  const session = connect(`https://${address}`, {
    rejectUnauthorized: false,
    ...visitors['removed node'],
  });
  t.teardown(() => session.destroy());
  const { requestPem } = await createNodeKey();
  const renew = session.request({ ':method': 'POST', ':path': '/v1/renew' });
  renew.end(JSON.stringify({ requestPem }));
  let text = '';
  for await (const chunk of renew as AsyncIterable<Buffer>) text += chunk.toString();
  t.is((JSON.parse(text) as { code: string }).code, 'node-removed');
});
