/**
 * Every function of the addon, with good and bad input; run by `sanitizers.root.test.ts` under ASan
 * and UBSan.
 */
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRng } from '../../../src/base/index.ts';
import {
  createNamespace,
  deleteNamespace,
  memfd,
  netlinkExchange,
  readSysctl,
  receiveFrom,
  sendTo,
  socketAddress,
  socketIn,
  writeSysctl,
  type SocketRequest,
} from '../../../src/kernel/native.ts';
import {
  createLink,
  listLinks,
  NETLINK_ROUTE,
  NetlinkEvents,
  NetlinkSocket,
} from '../../../src/kernel/netlink/index.ts';

const ROUNDS = 300;
const LOOPBACK = Uint8Array.from([2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);

/** Ignores what the kernel or the addon refuses: what counts is that memory stays whole. */
function attempt(action: () => unknown): void {
  try {
    action();
  } catch {
    // Refusals are expected here.
  }
}

/** Bytes of any content, now and then as netlink headers whose lengths lie. */
function anyBytes(rng: SeededRng): Uint8Array {
  const bytes = new Uint8Array(rng.nextU32() % 200);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = rng.nextU32();
  if (bytes.length >= 16) new DataView(bytes.buffer).setUint32(0, rng.nextU32() % 64, true);
  return bytes;
}

function exerciseSockets(namespaceFd: number, rng: SeededRng): void {
  const udp: SocketRequest = { namespaceFd, family: 2, type: 2, protocol: 0, options: [] };
  const [one, other] = [LOOPBACK, LOOPBACK].map((bind) => socketIn({ ...udp, bind }, 'udp'));
  const to = socketAddress(other as number);
  for (let round = 0; round < ROUNDS; round += 1) {
    attempt(() => sendTo(one as number, anyBytes(rng), to));
    attempt(() => receiveFrom(other as number, new Uint8Array(rng.nextU32() % 64)));
    attempt(() => sendTo(one as number, anyBytes(rng), anyBytes(rng)));
    attempt(() => closeSync(socketIn({ ...udp, bind: anyBytes(rng) }, 'any')));
    attempt(() =>
      closeSync(socketIn({ ...udp, options: [[1, rng.nextU32() % 64, anyBytes(rng)]] }, 'any')),
    );
  }
  closeSync(one as number);
  closeSync(other as number);
}

function exerciseNetlink(namespaceFd: number, rng: SeededRng): void {
  const socket = new NetlinkSocket(namespaceFd, NETLINK_ROUTE);
  for (let round = 0; round < 20; round += 1) {
    attempt(() => socket.request(createLink({ name: `br${round}`, kind: { kind: 'bridge' } })));
    socket.dump(listLinks());
  }
  socket.close();
  // Replies of ours, crafted: what one socket sends to another's port comes back as replies.
  const timeout = new Uint8Array(new BigInt64Array([0n, 1000n]).buffer);
  const netlink: SocketRequest = {
    namespaceFd,
    family: 16,
    type: 3,
    protocol: 2,
    options: [[1, 20, timeout]],
    bind: Uint8Array.from([16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
  };
  const [target, source] = [socketIn(netlink, 'target'), socketIn(netlink, 'source')];
  const to = socketAddress(target);
  const nothing = Uint8Array.from([16, 0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
  for (let round = 0; round < ROUNDS; round += 1) {
    attempt(() => sendTo(source, anyBytes(rng), to));
    attempt(() => netlinkExchange(target, nothing, rng.nextU32()));
  }
  closeSync(target);
  closeSync(source);
}

async function exerciseEvents(namespaceFd: number): Promise<void> {
  const socket = new NetlinkSocket(namespaceFd, NETLINK_ROUTE);
  for (let round = 0; round < 20; round += 1) {
    await new Promise<void>((resolve) => {
      const events = new NetlinkEvents(
        { namespaceFd, protocol: NETLINK_ROUTE, groups: [1], receiveBufferBytes: 2048 },
        {
          onMessages: () => {
            events.close();
            resolve();
          },
          onOverrun: () => undefined,
        },
      );
      socket.request(createLink({ name: `ev${round}`, kind: { kind: 'bridge' } }));
    });
  }
  // Left open on purpose: the environment's end closes it.
  new NetlinkEvents(
    { namespaceFd, protocol: NETLINK_ROUTE, groups: [1] },
    { onMessages: () => undefined, onOverrun: () => undefined },
  ).unref();
  socket.close();
}

const folder = mkdtempSync(join(tmpdir(), 'hawser-exercise-'));
const path = join(folder, 'one');
try {
  createNamespace(path);
  const namespaceFd = openSync(path, 'r');
  const rng = new SeededRng(1);
  exerciseSockets(namespaceFd, rng);
  exerciseNetlink(namespaceFd, rng);
  await exerciseEvents(namespaceFd);
  writeSysctl(namespaceFd, 'net/ipv4/ip_forward', '1');
  attempt(() => writeSysctl(namespaceFd, 'net/ipv4/ip_forward', 'x'.repeat(100_000)));
  attempt(() => readSysctl(namespaceFd, 'x'.repeat(100_000)));
  attempt(() => createNamespace('x'.repeat(100_000)));
  attempt(() => memfd('x'.repeat(1000)));
  closeSync(memfd('hawser'));
  closeSync(namespaceFd);
} finally {
  deleteNamespace(path);
  rmSync(folder, { recursive: true });
}
process.stdout.write('exercised\n');
