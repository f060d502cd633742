import { createConnection } from 'node:net';
import { once } from 'node:events';
import { request } from 'node:http';
import { stat } from 'node:fs/promises';
import test from 'ava';
import { startApi, ApiStartError } from '../../../src/api/index.ts';
import { SILENT_LOGGER } from '../../../src/base/index.ts';
import { ClusterError } from '../../../src/cluster/index.ts';
import { Fixture } from '../fixture.ts';

/** Sends bytes as they are and returns all that comes back until the server closes. */
async function exchangeBytes(path: string, bytes: string): Promise<string> {
  const socket = createConnection(path);
  await once(socket, 'connect');
  socket.write(bytes);
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  await once(socket, 'close');
  return answer;
}

test('every answer says who answers', async (t) => {
  const fixture = await Fixture.start(t);
  const { headers } = await fixture.ask('GET', '/nowhere');
  t.is(headers['api-version'], '1.51');
  t.is(headers['ostype'], 'linux');
  t.is(headers['server'], 'Hawser/0.1.0 (linux)');
});

test('an unknown path is answered as Docker does', async (t) => {
  const fixture = await Fixture.start(t);
  const answer = await fixture.ask('GET', '/v1.41/nowhere');
  t.is(answer.status, 404);
  t.deepEqual(answer.document, { message: 'page not found' });
});

const BODIES = [
  { name: 'nothing', body: '', status: 400 },
  { name: 'no JSON', body: '{"Name":', status: 400 },
  { name: 'a list', body: '[]', status: 400 },
  { name: 'a word', body: '"demo"', status: 400 },
  {
    name: 'very deep JSON',
    body: `{"Driver":"overlay","Labels":${'['.repeat(1e5)}${']'.repeat(1e5)}}`,
    status: 400,
  },
];

for (const { name, body, status } of BODIES) {
  test(`a body that is ${name} is refused and changes nothing`, async (t) => {
    const fixture = await Fixture.startManager(t);
    const answer = await fixture.send({
      method: 'POST',
      path: '/networks/create',
      body,
      headers: { 'content-type': 'application/json' },
    });
    t.is(answer.status, status);
    t.is(typeof (answer.document as { message: string }).message, 'string');
    t.deepEqual(fixture.member.commands, []);
  });
}

test('a body of another type than JSON is refused', async (t) => {
  const fixture = await Fixture.startManager(t);
  const answer = await fixture.send({
    method: 'POST',
    path: '/networks/create',
    body: 'Name=demo',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  t.is(answer.status, 400);
});

test('a body of 100 MB is refused before it is read', async (t) => {
  const fixture = await Fixture.startManager(t);
  const answer = await fixture.send({
    method: 'POST',
    path: '/networks/create',
    body: Buffer.alloc(100e6, 32),
    headers: { 'content-type': 'application/json' },
  });
  t.is(answer.status, 413);
  t.deepEqual(fixture.member.commands, []);
});

test('a body of 100 MB without announced length is refused at the limit', async (t) => {
  const fixture = await Fixture.startManager(t);
  const call = request({
    socketPath: fixture.path,
    method: 'POST',
    path: '/services/create',
    headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
  });
  // What is still on its way when the server goes is of no interest.
  call.on('error', () => undefined);
  const answered = once(call, 'response') as Promise<[{ statusCode: number; resume(): void }]>;
  const chunk = Buffer.alloc(1e6, 32);
  for (let sent = 0; sent < 100; sent += 1) {
    await new Promise((resolve) => call.write(chunk, resolve));
  }
  call.end();
  const [response] = await answered;
  response.resume();
  t.is(response.statusCode, 413);
});

test('a client that asks first is told to keep its 100 MB', async (t) => {
  const fixture = await Fixture.startManager(t);
  const call = request({
    socketPath: fixture.path,
    method: 'POST',
    path: '/networks/create',
    headers: {
      'content-type': 'application/json',
      'content-length': '100000000',
      expect: '100-continue',
    },
  });
  let isContinued = false;
  call.on('continue', () => (isContinued = true));
  call.flushHeaders();
  const [response] = (await once(call, 'response')) as [{ statusCode: number }];
  t.is(response.statusCode, 413);
  t.false(isContinued);
  call.on('error', () => undefined);
  call.destroy();
});

test('a client that asks first is told to go on', async (t) => {
  const fixture = await Fixture.startManager(t);
  const answer = await fixture.send({
    method: 'POST',
    path: '/networks/create',
    body: '{}',
    headers: { 'content-type': 'application/json', expect: '100-continue' },
  });
  t.is(answer.status, 400);
});

test('headers beyond the limit are refused', async (t) => {
  const fixture = await Fixture.start(t);
  const answer = await exchangeBytes(
    fixture.path,
    `GET /_ping HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(40_000)}\r\n\r\n`,
  );
  t.regex(answer, /^HTTP\/1\.1 431 /);
});

test('what is not HTTP is refused', async (t) => {
  const fixture = await Fixture.start(t);
  t.regex(await exchangeBytes(fixture.path, '\x16\x03\x01 hello\r\n\r\n'), /^HTTP\/1\.1 400 /);
});

test('an upgrade where none is offered is answered as an ordinary request', async (t) => {
  const fixture = await Fixture.start(t);
  const answer = await exchangeBytes(
    fixture.path,
    'POST /session HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
  );
  t.regex(answer, /^HTTP\/1\.1 404 /);
  t.regex(answer, /page not found/);
});

test('a body that does not come is given up on', async (t) => {
  const fixture = await Fixture.start(t, { limits: { connectionsMax: 10, bodyDeadlineMs: 50 } });
  const call = request({
    socketPath: fixture.path,
    method: 'POST',
    path: '/swarm/init',
    headers: { 'content-type': 'application/json', 'content-length': '10' },
  });
  call.on('error', () => undefined);
  call.write('{');
  const [response] = (await once(call, 'response')) as [{ statusCode: number }];
  t.is(response.statusCode, 408);
  call.destroy();
});

test('connections beyond the limit are closed, and counted', async (t) => {
  const fixture = await Fixture.start(t, { limits: { connectionsMax: 2, bodyDeadlineMs: 1_000 } });
  const sockets = [createConnection(fixture.path), createConnection(fixture.path)];
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const third = createConnection(fixture.path).on('error', () => undefined);
  await once(third, 'close');
  t.is(fixture.api?.counters.connectionsDroppedTotal, 1);
  for (const socket of sockets) socket.destroy();
});

test('answers are counted by what became of them', async (t) => {
  const fixture = await Fixture.startManager(t);
  await fixture.ask('GET', '/nowhere');
  await fixture.ask('POST', '/swarm/update?version=999', {});
  t.like(fixture.api?.counters, { requestsTotal: 3, refusedTotal: 2, failedTotal: 0 });
  const detail = { code: 'disk-failed', file: 'wal' } as const;
  fixture.member.unavailable = new ClusterError(detail, 'the disk is gone');
  await fixture.ask('GET', '/services');
  t.like(fixture.api?.counters, { requestsTotal: 4, refusedTotal: 2, failedTotal: 1 });
});

test('the socket is for its owner and group only', async (t) => {
  const fixture = await Fixture.start(t);
  t.is((await stat(fixture.path)).mode & 0o777, 0o660);
});

test('a second API does not take a socket that is answered', async (t) => {
  const fixture = await Fixture.start(t);
  const error = await t.throwsAsync(
    startApi({ path: fixture.path, backend: fixture.backend, logger: SILENT_LOGGER }),
    { instanceOf: ApiStartError },
  );
  t.is(error.detail.code, 'address-in-use');
  t.is((await fixture.ask('GET', '/_ping')).text, 'OK');
});

test('closing ends streams and removes the socket', async (t) => {
  const fixture = await Fixture.start(t);
  const call = request({ socketPath: fixture.path, path: '/events' });
  call.end();
  const [response] = (await once(call, 'response')) as [NodeJS.ReadableStream];
  response.resume();
  // Whether the stream ends or breaks off is a race that nobody cares about.
  const ended = new Promise((resolve) => response.once('end', resolve).once('error', resolve));
  await fixture.close();
  await ended;
  await t.throwsAsync(stat(fixture.path), { code: 'ENOENT' });
});
