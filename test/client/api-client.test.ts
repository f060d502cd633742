import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { ApiClient, ApiError, endpointText, parseEndpoint } from '../../src/client/index.ts';

/** An agent that answers as `listener` says, on a unix socket of its own. */
async function agent(t: ExecutionContext, listener: RequestListener): Promise<ApiClient> {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-client-'));
  const path = join(directory, 'hawser.sock');
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true });
  });
  return new ApiClient({ kind: 'unix', path });
}

test('an endpoint is a socket path or a TCP address', (t) => {
  t.deepEqual(parseEndpoint('unix:///run/x.sock'), { kind: 'unix', path: '/run/x.sock' });
  t.deepEqual(parseEndpoint('/run/x.sock'), { kind: 'unix', path: '/run/x.sock' });
  t.deepEqual(parseEndpoint('tcp://[fd00::1]:2375'), { kind: 'tcp', host: 'fd00::1', port: 2375 });
  t.is(endpointText(parseEndpoint('tcp://[fd00::1]:2375')), 'tcp://[fd00::1]:2375');
  for (const wrong of [
    '',
    'run/x.sock',
    'tcp://host',
    'tcp://host:0',
    'tcp://h:70000',
    'ssh://h',
  ]) {
    const error = t.throws(() => parseEndpoint(wrong), { instanceOf: ApiError });
    t.is(error.detail.code, 'endpoint-invalid', wrong);
  }
});

test('a request carries version, query and JSON, and the answer is parsed', async (t) => {
  const client = await agent(t, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => response.end(JSON.stringify({ url: request.url, body })));
  });
  t.deepEqual(
    await client.call({
      method: 'POST',
      path: '/services/create',
      query: { version: 3, rollback: undefined, all: true },
      body: { Name: 'whoami' },
    }),
    { url: '/v1.47/services/create?version=3&all=true', body: '{"Name":"whoami"}' },
  );
});

test('an empty answer is undefined, and one that is not JSON is an error', async (t) => {
  const client = await agent(t, (request, response) =>
    response.end(request.url === '/v1.47/empty' ? '' : '<html>'),
  );
  t.is(await client.call({ method: 'DELETE', path: '/empty' }), undefined);
  const error = await t.throwsAsync(client.call({ method: 'GET', path: '/page' }), {
    instanceOf: ApiError,
  });
  t.is(error.detail.code, 'answer-invalid');
});

test("a refusal has Docker's status and message", async (t) => {
  const client = await agent(t, (_request, response) => {
    response.writeHead(409).end('{"message":"network demo already exists"}');
  });
  const call = { method: 'POST', path: '/networks/create', body: {} } as const;
  const error = await t.throwsAsync(client.call(call), { instanceOf: ApiError });
  t.deepEqual(error.detail, { code: 'refused', status: 409, path: '/networks/create' });
  t.is(error.message, 'network demo already exists');
  const hijack = await t.throwsAsync(client.hijack(call), { instanceOf: ApiError });
  t.is(hijack.detail.code, 'refused');
});

test('a stream is sent as it is', async (t) => {
  const client = await agent(t, (request, response) => {
    let size = 0;
    request.on('data', (chunk: Buffer) => (size += chunk.length));
    request.on('end', () => response.end(String(size)));
  });
  const stream = Readable.from([Buffer.alloc(100_000), Buffer.alloc(23)]);
  t.is(await client.text({ method: 'POST', path: '/images/create', stream }), '100023');
});

test('both outputs of a framed answer reach the sink', async (t) => {
  const client = await agent(t, (_request, response) => {
    response.end(Buffer.from('\x01\0\0\0\0\0\0\x02hi\x02\0\0\0\0\0\0\x03oh!', 'latin1'));
  });
  const got: string[] = [];
  await client.readOutput({ method: 'GET', path: '/services/x/logs' }, (stream, bytes) =>
    got.push(`${stream}:${bytes.toString()}`),
  );
  t.deepEqual(got, ['stdout:hi', 'stderr:oh!']);
});

test('a hijacked connection carries bytes both ways', async (t) => {
  const upgraded = createServer();
  upgraded.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    socket.pipe(socket);
  });
  const directory = await mkdtemp(join(tmpdir(), 'hawser-client-'));
  const path = join(directory, 'up.sock');
  await new Promise<void>((resolve) => upgraded.listen(path, resolve));
  t.teardown(async () => {
    upgraded.close();
    await rm(directory, { recursive: true });
  });
  const socket = await new ApiClient({ kind: 'unix', path }).hijack({
    method: 'POST',
    path: '/exec/1/start',
  });
  socket.end('ping');
  let echoed = '';
  for await (const chunk of socket) echoed += String(chunk);
  t.is(echoed, 'ping');
});

test('nobody there is said with the address and what to do', async (t) => {
  const client = new ApiClient(parseEndpoint('/nonexistent/hawser.sock'));
  const error = await t.throwsAsync(client.call({ method: 'GET', path: '/_ping' }), {
    instanceOf: ApiError,
  });
  t.like(error.detail, { code: 'unreachable', errno: 'ENOENT' });
});
