import { connect, createServer, type ClientHttp2Session } from 'node:http2';
import { connect as connectTcp, createServer as createTcpServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { SYSTEM_CLOCK } from '../../../src/base/index.ts';
import { watchLiveness } from '../../../src/cluster/transport/liveness.ts';

/** A session with a server behind a door that can stop letting bytes through. */
async function behindDoor(
  t: ExecutionContext,
): Promise<{ readonly session: ClientHttp2Session; readonly shut: () => void }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  let isShut = false;
  const door = createTcpServer((outside) => {
    const inside = connectTcp((server.address() as AddressInfo).port, '127.0.0.1');
    outside.on('data', (bytes) => isShut || inside.write(bytes));
    inside.on('data', (bytes) => isShut || outside.write(bytes));
    for (const socket of [outside, inside]) socket.on('error', () => undefined);
    outside.on('close', () => inside.destroy());
  }).listen(0, '127.0.0.1');
  await once(door, 'listening');
  const session = connect(`http://127.0.0.1:${(door.address() as AddressInfo).port}`);
  await once(session, 'connect');
  session.on('error', () => undefined);
  t.teardown(() => {
    session.destroy();
    door.close();
    server.close();
  });
  return { session, shut: () => (isShut = true) };
}

test('a connection whose other end is silent is found out, one that answers is not', async (t) => {
  t.timeout(60_000);
  const alive = await behindDoor(t);
  const dead = await behindDoor(t);
  const silent: string[] = [];
  const stops = [
    watchLiveness(alive.session, SYSTEM_CLOCK, () => silent.push('alive')),
    watchLiveness(dead.session, SYSTEM_CLOCK, () => silent.push('dead')),
  ];
  dead.shut();
  while (silent.length === 0) await new Promise((resolve) => setTimeout(resolve, 100));
  t.deepEqual(silent, ['dead']);
  for (const stop of stops) stop();
});
