/** What a peer that does not keep to the protocol gets to do: nothing. */
import { connect, createSecureServer, type ClientHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { isClusterError, type ClusterMember, type Manager } from '../../../src/cluster/index.ts';
import {
  createAuthority,
  createNodeKey,
  isLocked,
  issueCertificate,
  loadMembership,
  type Membership,
} from '../../../src/cluster/identity/index.ts';
import {
  ClusterClient,
  parseHostPort,
  trustOf,
  type HostPort,
} from '../../../src/cluster/transport/index.ts';
import { dialManager } from '../../../src/cluster/worker/index.ts';
import type { TaskId } from '../../../src/model/index.ts';
import { DESCRIPTION, createLab, createService, service, until } from '../fixture.ts';

interface Stage {
  readonly member: ClusterMember;
  readonly manager: Manager;
  readonly to: HostPort;
  /** Of a worker that has joined and is not running. */
  readonly membership: Membership;
}

async function stage(t: ExecutionContext): Promise<Stage> {
  const lab = createLab(t);
  const dataDirectory = await lab.directory();
  const { member, manager } = await lab.manager();
  await (await lab.worker(member, { dataDirectory })).close();
  const membership = await loadMembership(join(dataDirectory, 'cluster'));
  if (membership === undefined || isLocked(membership)) throw new Error('no membership');
  return {
    member,
    manager,
    membership,
    to: parseHostPort(member.status().advertiseAddress ?? '', 0),
  };
}

async function statusOf(stream: ClientHttp2Stream): Promise<number | string> {
  return new Promise((resolve, reject) => {
    stream.once('response', (headers) => resolve(headers[':status'] ?? 0));
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('closed without an answer')));
  });
}

test('strangers may ask for the authority and join, and nothing else', async (t) => {
  const { member, membership } = await stage(t);
  const session = connect(`https://${member.status().advertiseAddress ?? ''}`, {
    rejectUnauthorized: false,
  });
  t.teardown(() => session.destroy());
  const cases = [
    { route: 'GET /v1/ca', status: 200 },
    { route: 'POST /v1/session', status: 403 },
    { route: 'POST /v1/renew', status: 403 },
    { route: 'POST /v1/logs/abc', status: 403 },
    { route: 'POST /v1/join', body: 'not JSON', status: 400 },
    { route: 'POST /v1/join', body: '{}', status: 400 },
    { route: 'POST /v1/join', body: 'x'.repeat(300_000), status: 413 },
    { route: 'GET /', status: 400 },
    { route: 'POST /v1/logs/../session', status: 400 },
  ];
  for (const { route, body, status } of cases) {
    const [method, path] = route.split(' ');
    const stream = session.request({ ':method': method, ':path': path });
    stream.on('error', () => undefined);
    stream.end(body);
    t.is(await statusOf(stream).catch(String), status, `${route} ${body?.length ?? 0}`);
    stream.resume();
  }
  t.is(typeof membership.nodeId, 'string');
});

test('a certificate of another cluster is no certificate here', async (t) => {
  const { to, membership } = await stage(t);
  const authority = await createAuthority(membership.clusterId, Date.now());
  const { keyPem, requestPem } = await createNodeKey();
  const certificatePem = await issueCertificate(authority, {
    subject: { clusterId: membership.clusterId, nodeId: membership.nodeId, role: 'manager' },
    requestPem,
    nowMs: Date.now(),
    validityMs: 3_600_000,
  });
  const client = await ClusterClient.connect(to, {
    authorityPem: membership.authorityPem,
    certificatePem,
    keyPem,
  });
  t.teardown(() => client.close());
  t.true(isClusterError(await t.throwsAsync(client.openStream('POST /v1/session')), 'forbidden'));
});

test('nothing below TLS 1.3 is spoken', async (t) => {
  const { to } = await stage(t);
  const error = await new Promise<Error>((resolve) => {
    const socket = connectTls({
      ...to,
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
    });
    socket.on('error', resolve);
    socket.on('secureConnect', () => resolve(new Error('connected')));
  });
  t.regex(error.message, /protocol version/);
});

test('a worker cannot pose as a manager', async (t) => {
  const { membership } = await stage(t);
  const server = createSecureServer({ key: membership.keyPem, cert: membership.certificatePem });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  t.true(isClusterError(await t.throwsAsync(dialManager([address], membership)), 'unreachable'));
});

const HELLO = JSON.stringify({ type: 'hello', protocol: 1, description: DESCRIPTION });
const HAVE = JSON.stringify({ type: 'have', rows: [], revision: 0, isLast: true });
const BEAT = JSON.stringify({ type: 'heartbeat' });

test('a session that does not keep to the protocol is ended', async (t) => {
  const { to, membership } = await stage(t);
  const client = await ClusterClient.connect(to, trustOf(membership));
  t.teardown(() => client.close());
  const cases: readonly { name: string; lines: readonly string[] }[] = [
    { name: 'not JSON', lines: ['{'] },
    { name: 'unknown type', lines: ['{"type":"propose"}'] },
    { name: 'a frame that is too long', lines: ['x'.repeat(2 << 20)] },
    { name: 'another protocol', lines: [HELLO.replace('"protocol":1', '"protocol":2')] },
    { name: 'hello twice', lines: [HELLO, HELLO] },
    {
      name: 'a report before the welcome',
      lines: [JSON.stringify({ type: 'report', id: 1, statuses: [] })],
    },
    {
      name: 'a description without hello',
      lines: [JSON.stringify({ type: 'description', description: DESCRIPTION })],
    },
    { name: 'an IPv6 data path', lines: [HELLO.replace('{', '{"dataPathAddress":"::1",')] },
    {
      name: 'more frames of rows than fit',
      lines: [HELLO, ...Array.from({ length: 300 }, () => HAVE)],
    },
    { name: 'negative revisions', lines: [HELLO, HAVE.replace('"revision":0', '"revision":-1')] },
  ];
  for (const { name, lines } of cases) {
    const stream = await client.openStream('POST /v1/session');
    stream.on('error', () => undefined);
    stream.resume();
    stream.once('end', () => stream.end());
    const closed = new Promise<void>((resolve) => stream.once('close', resolve));
    for (const line of lines) stream.write(`${line}\n`);
    await closed;
    t.pass(name);
  }
});

test('a node speaks for itself only', async (t) => {
  const { member, manager, to, membership } = await stage(t);
  await createService(manager, 'web', service('web', 1));
  await until('the task', () => manager.store.tasks.size === 1);
  const [task] = manager.store.tasks.values();
  const client = await ClusterClient.connect(to, trustOf(membership));
  t.teardown(() => client.close());
  const stream = await client.openStream('POST /v1/session');
  stream.on('error', () => undefined);
  const seen: string[] = [];
  stream.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
  stream.write(`${HELLO}\n${HAVE}\n`);
  await until('the welcome', () => seen.join('').includes('"welcome"'));
  const elsewhere = [...manager.store.tasks.values()].find(
    (each) => each.nodeId === member.status().nodeId,
  );
  const id = (elsewhere ?? task)?.id as TaskId;
  if (elsewhere !== undefined) {
    const status = { state: 'failed', atMs: 1, message: 'no' };
    stream.write(
      `${JSON.stringify({ type: 'report', id: 7, nodeId: elsewhere.nodeId, statuses: [{ id, status }] })}\n`,
    );
    await until('the answer', () => seen.join('').includes('"reported"'));
    t.not(manager.store.tasks.get(id)?.status.state, 'failed');
  }
  t.false(seen.join('').includes('PRIVATE KEY'));
  t.false(seen.join('').includes(manager.joinTokens().worker.slice(60)));
  const refused = await t.throwsAsync(client.openStream('POST /v1/logs/abcdefabcdef'));
  t.true(isClusterError(refused, 'invalid-request'));
});

test('a newer session of a node ends the older one', async (t) => {
  const { manager, to, membership } = await stage(t);
  const client = await ClusterClient.connect(to, trustOf(membership));
  t.teardown(() => client.close());
  const older = await client.openStream('POST /v1/session');
  older.resume();
  older.once('end', () => older.end());
  const closed = new Promise<void>((resolve) => older.once('close', resolve));
  older.write(`${HELLO}\n${HAVE}\n${BEAT}\n`);
  const newer = await client.openStream('POST /v1/session');
  newer.resume();
  newer.write(`${HELLO}\n${HAVE}\n`);
  await until('ready', () => manager.store.nodes.get(membership.nodeId)?.state === 'ready');
  await closed;
  t.false(newer.destroyed);
});
