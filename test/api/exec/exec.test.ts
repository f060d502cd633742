import { once } from 'node:events';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import test from 'ava';
import { EXECS_MAX, ExecTable } from '../../../src/api/exec/exec-table.ts';
import { Fixture, containerSpec } from '../fixture.ts';

const ID = 'e'.repeat(64);

async function start(t: Parameters<typeof Fixture.start>[0]): Promise<Fixture> {
  const fixture = await Fixture.start(t);
  const spec = containerSpec(ID);
  fixture.runtime.put({ id: ID, spec, imageId: 'x', state: 'running', createdAtMs: 0, pid: 1 });
  return fixture;
}

async function createExec(fixture: Fixture, body: object): Promise<string> {
  const answer = await fixture.ask('POST', `/containers/${ID}/exec`, body);
  if (answer.status !== 201) throw new Error(answer.text);
  return (answer.document as { Id: string }).Id;
}

/** Sends a start request as one packet, and what is to be standard input behind it. */
async function open(
  fixture: Fixture,
  id: string,
  options: { readonly isUpgrade: boolean; readonly input?: string },
): Promise<Socket> {
  const body = '{"Detach":false,"Tty":false}';
  const socket = createConnection({ path: fixture.path, allowHalfOpen: true });
  await once(socket, 'connect');
  const head = [
    `POST /v1.50/exec/${id}/start HTTP/1.1`,
    'Host: docker',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    ...(options.isUpgrade ? ['Connection: Upgrade', 'Upgrade: tcp'] : []),
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}${options.input ?? ''}`);
  return socket;
}

/** Everything until the server ends; the head apart from the frames' payloads per stream. */
async function read(socket: Socket): Promise<{ head: string; out: string; err: string }> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const all = Buffer.concat(chunks);
  const at = all.indexOf('\r\n\r\n') + 4;
  const texts = { out: '', err: '' };
  for (let offset = at; offset + 8 <= all.length;) {
    const end = offset + 8 + all.readUInt32BE(offset + 4);
    texts[all[offset] === 2 ? 'err' : 'out'] += all.subarray(offset + 8, end).toString();
    offset = end;
  }
  return { head: all.subarray(0, at).toString(), ...texts };
}

const UPGRADE = { isUpgrade: true };
const ATTACHED = { AttachStdout: true, AttachStderr: true };

test('an upgraded exec carries both outputs, then tells its exit code', async (t) => {
  const fixture = await start(t);
  const id = await createExec(fixture, {
    ...ATTACHED,
    Cmd: ['sh', '-c', 'echo out; echo err >&2; exit 7'],
  });
  const { head, out, err } = await read(await open(fixture, id, UPGRADE));
  t.regex(head, /^HTTP\/1\.1 101 UPGRADED\r\n/);
  t.regex(head, /Content-Type: application\/vnd\.docker\.multiplexed-stream\r\n/);
  t.deepEqual([out, err], ['out\n', 'err\n']);
  t.like((await fixture.ask('GET', `/exec/${id}/json`)).document, {
    Running: false,
    ExitCode: 7,
    ContainerID: ID,
  });
});

test('a client that asks for no upgrade gets the raw stream', async (t) => {
  const fixture = await start(t);
  const id = await createExec(fixture, { ...ATTACHED, AttachStdin: true, Cmd: ['cat'] });
  const socket = await open(fixture, id, { isUpgrade: false });
  const [first] = (await once(socket, 'data')) as [Buffer];
  t.regex(first.toString(), /^HTTP\/1\.1 200 OK\r\n/);
  socket.end('typed later\n');
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  t.is(Buffer.concat(chunks).subarray(8).toString(), 'typed later\n');
});

test('input that comes with the request is not lost', async (t) => {
  const fixture = await start(t);
  const id = await createExec(fixture, { ...ATTACHED, AttachStdin: true, Cmd: ['wc', '-c'] });
  const socket = await open(fixture, id, { ...UPGRADE, input: 'early ' });
  socket.end('late');
  t.is((await read(socket)).out.trim(), '10');
});

test('a process that ends without reading its input is carried to its end', async (t) => {
  const fixture = await start(t);
  const id = await createExec(fixture, {
    ...ATTACHED,
    AttachStdin: true,
    Cmd: ['sh', '-c', 'exec 0<&-; echo a; sleep 0.2; echo b; exit 4'],
  });
  const socket = await open(fixture, id, { isUpgrade: true, input: 'x'.repeat(200_000) });
  t.is((await read(socket)).out, 'a\nb\n');
  t.like((await fixture.ask('GET', `/exec/${id}/json`)).document, { ExitCode: 4 });
});

test('a terminal is one stream, and is given its size', async (t) => {
  const fixture = await start(t);
  const id = await createExec(fixture, { ...ATTACHED, Tty: true, Cmd: ['cat'], AttachStdin: true });
  const socket = await open(fixture, id, UPGRADE);
  await once(socket, 'data');
  t.is((await fixture.ask('POST', `/exec/${id}/resize?h=24&w=80`)).status, 200);
  t.is((await fixture.ask('POST', `/exec/${id}/resize?h=0&w=80`)).status, 400);
  t.deepEqual(fixture.runtime.resizes, ['24x80']);
  socket.end('x');
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  t.is(Buffer.concat(chunks).toString(), 'x');
});

test('a detached exec answers at once and ends on its own', async (t) => {
  const fixture = await start(t);
  const id = await createExec(fixture, { ...ATTACHED, Cmd: ['sh', '-c', 'cat; exit 4'] });
  t.is((await fixture.ask('POST', `/exec/${id}/start`, { Detach: true })).status, 200);
  const again = await fixture.ask('POST', `/exec/${id}/start`, { Detach: true });
  t.is(again.status, 409);
  const deadline = Date.now() + 10_000;
  for (;;) {
    const { document } = await fixture.ask('GET', `/exec/${id}/json`);
    if (!(document as { Running: boolean }).Running) {
      t.is((document as { ExitCode: number }).ExitCode, 4);
      return;
    }
    if (Date.now() > deadline) return t.fail('the exec did not end within 10 s');
  }
});

test('a client that goes away does not end the process', async (t) => {
  const fixture = await start(t);
  const id = await createExec(fixture, {
    ...ATTACHED,
    Cmd: ['sh', '-c', 'echo on; sleep 0.3; echo off'],
  });
  const socket = await open(fixture, id, UPGRADE);
  await once(socket, 'data');
  socket.destroy();
  t.like((await fixture.ask('GET', `/exec/${id}/json`)).document, { Running: true });
});

const REFUSED = [
  { body: {}, status: 400 },
  { body: { Cmd: 'sh' }, status: 400 },
  { body: { Cmd: [] }, status: 400 },
  { body: { Cmd: ['sh'], User: 5 }, status: 400 },
];

for (const { body, status } of REFUSED) {
  test(`an exec of ${JSON.stringify(body)} is refused`, async (t) => {
    const fixture = await start(t);
    t.is((await fixture.ask('POST', `/containers/${ID}/exec`, body)).status, status);
  });
}

test('an exec in a container that does not run, or that does not exist, is refused', async (t) => {
  const fixture = await start(t);
  await fixture.runtime.stop(ID);
  const body = { Cmd: ['sh'] };
  t.is((await fixture.ask('POST', `/containers/${ID}/exec`, body)).status, 409);
  t.is((await fixture.ask('POST', '/containers/nosuch/exec', body)).status, 404);
  t.is((await fixture.ask('GET', '/exec/nosuch/json')).status, 404);
  t.is((await fixture.ask('POST', '/exec/nosuch/start', {})).status, 404);
});

test('the table of execs is bounded, and the oldest that is over goes first', (t) => {
  const table = new ExecTable();
  const exec = (id: string, state: 'running' | 'exited') => ({
    id,
    containerId: ID,
    spec: { command: ['sh'], env: [], hasTty: false, isPrivileged: false },
    isAttached: { stdin: false, stdout: true, stderr: true },
    state,
  });
  for (let index = 0; index < EXECS_MAX; index += 1) {
    t.true(table.tryAdd(exec(String(index), index === 1 ? 'exited' : 'running')));
  }
  t.true(table.tryAdd(exec('next', 'running')));
  t.is(table.get('1'), undefined);
  t.truthy(table.get('0'));
  t.false(table.tryAdd(exec('one more', 'running')));
});
