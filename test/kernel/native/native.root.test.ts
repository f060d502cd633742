import {
  closeSync,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { KernelError, type KernelErrorDetail } from '../../../src/kernel/index.ts';
import {
  createNamespace,
  deleteNamespace,
  memfd,
  netlinkExchange,
  OWN_NAMESPACE_FD,
  poll,
  readSysctl,
  receiveFrom,
  sendTo,
  socketAddress,
  socketIn,
  writeSysctl,
  type SocketRequest,
} from '../../../src/kernel/native.ts';
import { makeNamespace } from '../namespace-fixture.ts';

const UDP: SocketRequest = {
  namespaceFd: OWN_NAMESPACE_FD,
  family: 2,
  type: 2,
  protocol: 0,
  options: [],
};

function ownNamespace(): string {
  return readlinkSync('/proc/self/ns/net');
}

function refusal(t: ExecutionContext, action: () => unknown): KernelErrorDetail {
  return t.throws(action, { instanceOf: KernelError }).detail;
}

/** How many sockets the process holds. */
function openSockets(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      // The descriptor of the listing itself is closed by now.
      return false;
    }
  }).length;
}

test('a socket belongs to the namespace it was made in, the process stays where it was', (t) => {
  const home = ownNamespace();
  const { fd: namespaceFd, run } = makeNamespace(t);
  const bind = Uint8Array.from([2, 0, 0x4e, 0x20, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  const fd = socketIn({ ...UDP, namespaceFd, bind }, 'test');
  t.regex(run('ss', '-Hnlu'), /127\.0\.0\.1:20000/);
  t.deepEqual([...socketAddress(fd).subarray(2, 8)], [0x4e, 0x20, 127, 0, 0, 1]);
  t.is(ownNamespace(), home);
  closeSync(fd);
});

const STEPS: { name: string; request: Partial<SocketRequest>; errno: string; call: string }[] = [
  {
    name: 'a file descriptor that is closed',
    request: { namespaceFd: 9999 },
    errno: 'EBADF',
    call: 'setns',
  },
  {
    name: 'a family that is none',
    request: { family: 999 },
    errno: 'EAFNOSUPPORT',
    call: 'socket',
  },
  {
    name: 'an option that is none',
    request: { options: [[1, 9999, 1]] },
    errno: 'ENOPROTOOPT',
    call: 'setsockopt',
  },
  {
    name: 'an address that is not ours',
    request: { bind: Uint8Array.from([2, 0, 0, 0, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0]) },
    errno: 'EADDRNOTAVAIL',
    call: 'bind',
  },
  {
    name: 'listening on a datagram socket',
    request: { backlog: 1 },
    errno: 'EOPNOTSUPP',
    call: 'listen',
  },
];

for (const { name, request, errno, call } of STEPS)
  test(`a socket that cannot be had names the call and leaves no descriptor: ${name}`, (t) => {
    const { fd } = makeNamespace(t);
    const home = ownNamespace();
    const before = openSockets();
    const detail = refusal(t, () => socketIn({ ...UDP, namespaceFd: fd, ...request }, 'test'));
    // ENOTSUP is glibc's other name for EOPNOTSUPP.
    const names = errno === 'EOPNOTSUPP' ? [errno, 'ENOTSUP'] : [errno];
    t.true(detail.code === 'SYSTEM' && names.includes(detail.errno), JSON.stringify(detail));
    t.like(detail, { call });
    t.is(openSockets(), before);
    t.is(ownNamespace(), home);
  });

test('what is no network namespace is not entered', (t) => {
  for (const path of ['/proc/self/ns/mnt', '/dev/null', '/']) {
    const namespaceFd = openSync(path, 'r');
    const detail = refusal(t, () => socketIn({ ...UDP, namespaceFd }, path));
    t.like(detail, { call: 'setns', errno: 'EINVAL' });
    closeSync(namespaceFd);
  }
});

test('arguments of the wrong type are bugs, not outcomes', (t) => {
  const wrong = [
    () => socketIn({} as SocketRequest, 'x'),
    () => socketIn({ ...UDP, options: [[1, 2, 'x']] } as unknown as SocketRequest, 'x'),
    () => socketIn({ ...UDP, bind: 'x' } as unknown as SocketRequest, 'x'),
    () => sendTo('x' as unknown as number, new Uint8Array(1)),
    () => receiveFrom(1, 'x' as unknown as Uint8Array),
    () => receiveFrom(1, new Uint16Array(4) as unknown as Uint8Array),
    () => netlinkExchange(1, undefined as unknown as Uint8Array, 1),
    () => createNamespace(1 as unknown as string),
    () => memfd(undefined as unknown as string),
    () => poll(openSync('/dev/null', 'r'), 1 as unknown as () => void),
  ];
  for (const action of wrong) t.throws(action, { instanceOf: TypeError }, String(action));
});

test('a namespace is made over the file of one that was never mounted, and deleted', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-native-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'left');
  writeFileSync(path, '');
  createNamespace(path);
  deleteNamespace(path);
  t.false(existsSync(path));
  writeFileSync(path, '');
  deleteNamespace(path);
  deleteNamespace(path);
  t.false(existsSync(path));
  t.like(
    refusal(t, () => createNamespace(join(folder, 'no', 'such'))),
    { call: 'open', errno: 'ENOENT' },
  );
});

test('settings are those of the namespace', (t) => {
  const { fd } = makeNamespace(t);
  const before = readSysctl(OWN_NAMESPACE_FD, 'net/ipv4/ip_default_ttl');
  writeSysctl(fd, 'net/ipv4/ip_default_ttl', '77');
  t.is(readSysctl(fd, 'net/ipv4/ip_default_ttl').trim(), '77');
  t.is(readSysctl(OWN_NAMESPACE_FD, 'net/ipv4/ip_default_ttl'), before);
  t.like(
    refusal(t, () => readSysctl(fd, 'net/no/such')),
    { call: 'open', errno: 'ENOENT' },
  );
  t.like(
    refusal(t, () => writeSysctl(fd, 'net/ipv4/ip_default_ttl', 'x')),
    { call: 'write', errno: 'EINVAL' },
  );
});

test('a file in memory is written, read and gone when closed', (t) => {
  const fd = memfd('hawser-test');
  writeSync(fd, 'hello');
  const into = Buffer.alloc(8);
  t.is(readSync(fd, into, 0, 8, 0), 5);
  t.is(fstatSync(fd).nlink, 0);
  closeSync(fd);
});

test('a datagram longer than the buffer says how long it was', (t) => {
  const bind = Uint8Array.from([2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  const { fd: namespaceFd } = makeNamespace(t);
  const [one, other] = [
    socketIn({ ...UDP, namespaceFd, bind }, 'one'),
    socketIn({ ...UDP, namespaceFd, bind }, 'other'),
  ];
  t.is(receiveFrom(other, new Uint8Array(10)), undefined);
  t.is(sendTo(one, new Uint8Array(100).fill(7), socketAddress(other)), 100);
  const into = new Uint8Array(10);
  const datagram = receiveFrom(other, into);
  t.is(datagram?.length, 100);
  t.deepEqual(Buffer.from(datagram?.address ?? []), Buffer.from(socketAddress(one)));
  t.true(into.every((byte) => byte === 7));
  closeSync(one);
  closeSync(other);
});

test('replies that never come end in ETIMEDOUT', (t) => {
  // SO_RCVTIMEO of 10 ms.
  const timeout = new Uint8Array(new BigInt64Array([0n, 10_000n]).buffer);
  const fd = socketIn({ ...UDP, family: 16, type: 3, options: [[1, 20, timeout]] }, 'netlink');
  // A lone acknowledgement asks for nothing.
  const silent = Uint8Array.from([16, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
  t.like(
    refusal(t, () => netlinkExchange(fd, silent, 1)),
    { call: 'recv', errno: 'ETIMEDOUT' },
  );
  closeSync(fd);
});
