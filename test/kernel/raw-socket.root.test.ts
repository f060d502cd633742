import test from 'ava';
import {
  createLink,
  getLink,
  readLink,
  changeLink,
  type NetlinkSocket,
} from '../../src/kernel/netlink/index.ts';
import {
  IpSocket,
  KernelError,
  type KernelErrorDetail,
  PacketSocket,
  type LinkSender,
  type RawPacket,
} from '../../src/kernel/raw-socket.ts';
import { until } from './compliance/index.ts';
import { makeNamespace } from './namespace-fixture.ts';

/** An ICMP echo request with identifier 7 and its checksum. */
const ECHO = Uint8Array.from([8, 0, 0xf7, 0xf7, 0, 7, 0, 1]);
const ICMP = 1;
/** For experiments (RFC 5342). */
const ETHER_TYPE = 0x88b5;

function indexOf(socket: NetlinkSocket, name: string): number {
  const [reply] = socket.request(getLink(name));
  return (reply && readLink(reply))?.index ?? 0;
}

test('a ping inside a namespace is answered there', async (t) => {
  const { path } = makeNamespace(t);
  const socket = new IpSocket({ protocol: ICMP, namespacePath: path });
  t.teardown(() => socket.close());
  const answers: RawPacket<string>[] = [];
  socket.onPacket((packet) => {
    if (packet.bytes[20] === 0) answers.push(packet);
  });
  t.is(socket.receive(), undefined);
  socket.send(ECHO, '127.0.0.1');
  await until('the echo reply', async () => answers.length > 0);
  t.like(answers[0], { from: '127.0.0.1', isTruncated: false });
  t.deepEqual([...(answers[0]?.bytes.subarray(24) ?? [])], [0, 7, 0, 1]);
});

test('frames cross a veth as they are, cut where the receiver wants no more', async (t) => {
  const { path, route } = makeNamespace(t);
  route.request(createLink({ name: 'a', kind: { kind: 'veth', peerName: 'b' } }));
  const [here, there] = [indexOf(route, 'a'), indexOf(route, 'b')];
  for (const link of [here, there]) route.request(changeLink(link, { isUp: true }));
  const sender = new PacketSocket({ link: here, etherType: ETHER_TYPE, namespacePath: path });
  const receiver = new PacketSocket({
    link: there,
    etherType: ETHER_TYPE,
    namespacePath: path,
    packetBytesMax: 16,
  });
  t.teardown(() => sender.close());
  t.teardown(() => receiver.close());
  const frame = Uint8Array.from([
    ...Array<number>(6).fill(255),
    ...[2, 0, 0, 0, 0, 9],
    ...[ETHER_TYPE >> 8, ETHER_TYPE & 255],
    ...Array<number>(50).fill(7),
  ]);
  let packet: RawPacket<LinkSender> | undefined;
  await until('the frame', async () => {
    // The kernel drops what is sent before it has noticed that the pair is up.
    sender.send(frame);
    packet = receiver.receive();
    return packet !== undefined;
  });
  t.deepEqual(packet, {
    bytes: frame.slice(0, 16),
    from: { link: there, mac: '02:00:00:00:00:09' },
    isTruncated: true,
  });
});

test('what the kernel cannot take is refused with a code', (t) => {
  const { path } = makeNamespace(t);
  const refused: [() => unknown, KernelErrorDetail['code']][] = [
    [() => new IpSocket({ protocol: 256 }), 'INVALID_ARGUMENT'],
    [() => new PacketSocket({ link: -1, etherType: 3 }), 'INVALID_ARGUMENT'],
    [() => new PacketSocket({ link: 1, etherType: 70_000 }), 'INVALID_ARGUMENT'],
    [() => new PacketSocket({ link: 9999, etherType: 3, namespacePath: path }), 'SYSTEM'],
  ];
  for (const [action, code] of refused)
    t.is(t.throws(action, { instanceOf: KernelError }).detail.code, code);
  const socket = new IpSocket({ protocol: ICMP, namespacePath: path });
  t.throws(() => socket.send(ECHO, 'localhost'), { instanceOf: KernelError });
  t.throws(() => socket.send(new Uint8Array(70_000), '127.0.0.1'), { instanceOf: KernelError });
  socket.close();
  socket.close();
});
