/**
 * The npm package `netlink` reads what our encoders write, and our decoders read what it writes.
 */
import test from 'ava';
import * as oracle from 'netlink';
import { formatCidr4, type Cidr4, type Mac } from '../../../src/base/index.ts';
import {
  changeBridgePort,
  changeLink,
  createLink,
  createRule,
  deleteFdb,
  deleteLink,
  deleteNeighbour,
  deleteRoute,
  getLink,
  MessageWriter,
  putAddress,
  putFdb,
  putNeighbour,
  putRoute,
  readAddress,
  readLink,
  readMessages,
  readNeighbour,
  type NetlinkRequest,
} from '../../../src/kernel/netlink/index.ts';

const MAC = '02:42:0a:00:01:09' as Mac;
const MAC_BYTES = Buffer.from([2, 0x42, 10, 0, 1, 9]);
const PREFIX = formatCidr4({ base: 0x0a000000, bits: 8 } as Cidr4);

/** Its parameter is an enum of what our types are numbers. */
const parseMessage = oracle.rt.parseMessage as (type: number, data: Buffer) => unknown;

function encode(request: NetlinkRequest): Buffer {
  const writer = new MessageWriter(16);
  writer.begin({ type: request.type, flags: request.flags ?? 0, sequence: 7 });
  request.write(writer);
  writer.end();
  return Buffer.from(writer.bytes());
}

const CASES: { name: string; request: NetlinkRequest; data: object; attrs: object }[] = [
  {
    name: 'a link change',
    request: changeLink(5, { isUp: true, master: 3, mtu: 1400, mac: MAC, alias: 'hawser:x' }),
    data: { index: 5, flags: { up: true }, change: { up: true } },
    attrs: { master: 3, mtu: 1400, address: MAC_BYTES, ifalias: 'hawser:x' },
  },
  { name: 'a link deletion', request: deleteLink(5), data: { index: 5, flags: {} }, attrs: {} },
  {
    name: 'a question for a link',
    request: getLink('br0'),
    data: { index: 0 },
    attrs: { ifname: 'br0' },
  },
  {
    name: 'an address',
    request: putAddress({ link: 3, address: '10.0.0.1/24' }),
    data: { family: 2, prefixlen: 24, index: 3 },
    attrs: { local: Buffer.from([10, 0, 0, 1]), address: Buffer.from([10, 0, 0, 1]) },
  },
  {
    name: 'a route with a gateway',
    request: putRoute({
      link: 3,
      destination: PREFIX,
      table: 1001,
      via: '1.2.3.4',
      isOnlink: true,
    }),
    data: { dstLen: 8, protocol: 72, scope: 'UNIVERSE', type: 'UNICAST' },
    attrs: {
      dst: Buffer.from([10, 0, 0, 0]),
      oif: 3,
      gateway: Buffer.from([1, 2, 3, 4]),
      table: 1001,
    },
  },
  {
    name: 'a default route to a link',
    request: putRoute({ link: 3, destination: '0.0.0.0/0', table: 254, isOnlink: false }),
    data: { dstLen: 0, scope: 'LINK' },
    attrs: { oif: 3, table: 254 },
  },
  {
    name: 'a route deletion',
    request: deleteRoute({ link: 3, destination: PREFIX, table: 254 }),
    data: { dstLen: 8, scope: 'NOWHERE' },
    attrs: { dst: Buffer.from([10, 0, 0, 0]), oif: 3, table: 254 },
  },
  {
    name: 'a rule',
    request: createRule({ priority: 3, source: PREFIX, table: 1001, mark: 7 }),
    data: { family: 2, srcLen: 8, action: 'toTbl' },
    attrs: { src: Buffer.from([10, 0, 0, 0]), priority: 3, table: 1001, fwmark: 7, protocol: 72 },
  },
  {
    name: 'a neighbour',
    request: putNeighbour({ link: 3, address: '10.0.0.9', mac: MAC }),
    data: { family: 2, ifindex: 3, state: { permanent: true } },
    attrs: { dst: Buffer.from([10, 0, 0, 9]), lladdr: MAC_BYTES },
  },
  {
    name: 'a neighbour deletion',
    request: deleteNeighbour({ link: 3, address: '10.0.0.9' }),
    data: { family: 2, ifindex: 3 },
    attrs: { dst: Buffer.from([10, 0, 0, 9]) },
  },
  {
    name: "a forwarding row of a VXLAN device's own",
    request: putFdb({ link: 3, mac: MAC, owner: 'self', vtep: '1.2.3.4' }),
    data: { family: 7, state: { noarp: true, permanent: true }, flags: { self: true } },
    attrs: { lladdr: MAC_BYTES, dst: Buffer.from([1, 2, 3, 4]) },
  },
  {
    name: "a forwarding row of a bridge's",
    request: deleteFdb({ link: 3, mac: MAC, owner: 'master' }),
    data: { family: 7, state: { noarp: true }, flags: { master: true } },
    attrs: { lladdr: MAC_BYTES },
  },
];

for (const { name, request, data, attrs } of CASES)
  test(`npm's netlink reads ${name} as it was meant`, (t) => {
    const [message] = oracle.parseMessages(encode(request)) as [oracle.NetlinkMessage];
    t.is(message.seq, 7);
    const read = parseMessage(message.type, message.data);
    t.like(read, { data, attrs });
  });

test("npm's netlink reads the description of a VXLAN link", (t) => {
  const request = createLink({
    name: 'vx0',
    mac: MAC,
    mtu: 1450,
    namespaceFd: 9,
    kind: { kind: 'vxlan', vni: 77, port: 4789, local: '10.0.0.1', learning: false, proxy: true },
  });
  const link = oracle.rt.parseLinkMessage(encode(request).subarray(16));
  t.like(link.attrs, { ifname: 'vx0', address: MAC_BYTES, mtu: 1450, netNsFd: 9 });
  const linkInfo = oracle.ifla.parseInfo(link.attrs.linkinfo as unknown as Buffer);
  t.is(linkInfo.kind, 'vxlan');
  const vxlan = oracle.ifla.parseVxlan(linkInfo.data as Buffer);
  t.is(vxlan.id, 77);
  t.deepEqual(vxlan.local, Buffer.from([10, 0, 0, 1]));
  t.is(vxlan.learning, 0);
  t.is(vxlan.proxy, 1);
});

test("npm's netlink reads the description of a veth and of its far end", (t) => {
  const request = createLink({
    name: 'v0',
    kind: { kind: 'veth', peerName: 'eth0', peerNamespaceFd: 4 },
  });
  const link = oracle.rt.parseLinkMessage(encode(request).subarray(16));
  const linkInfo = oracle.ifla.parseInfo(link.attrs.linkinfo as unknown as Buffer);
  t.is(linkInfo.kind, 'veth');
  // VETH_INFO_PEER: an attribute head, then a link message.
  const peer = oracle.rt.parseLinkMessage((linkInfo.data as Buffer).subarray(4));
  t.like(peer.attrs, { ifname: 'eth0', netNsFd: 4 });
});

test("npm's netlink reads the flags of a bridge port", (t) => {
  const port = { learning: false, unicastFlood: true, isolated: true, hairpin: false };
  const link = oracle.rt.parseLinkMessage(encode(changeBridgePort(3, port)).subarray(16));
  const flags = link.attrs.protinfo as unknown as Map<number, Buffer>;
  const byNumber = [8, 9, 33, 4].map((type) => flags.get(type)?.[0]);
  t.deepEqual(byNumber, [0, 1, 1, 0]);
});

function message(type: number, parts: Uint8Array[]): Buffer {
  return Buffer.concat(oracle.formatMessage({ type, flags: 0, seq: 1, port: 0, data: parts }));
}

test("what npm's netlink writes is read as it was meant", (t) => {
  const link: Uint8Array[] = [];
  const stream = new oracle.AttrStream();
  oracle.rt.formatLinkMessage(
    {
      kind: 'link',
      data: { index: 4, type: 'ETHER', flags: { up: true } },
      attrs: { ifname: 'v0', mtu: 1400, address: MAC_BYTES, master: 2, ifalias: 'hawser:y' },
    } as unknown as Parameters<typeof oracle.rt.formatLinkMessage>[0],
    stream,
  );
  link.push(...stream.bufs);
  const [read] = readMessages(message(16, link));
  t.like(read && readLink(read), {
    index: 4,
    hardwareType: 1,
    name: 'v0',
    isUp: true,
    mtu: 1400,
    mac: MAC,
    master: 2,
    alias: 'hawser:y',
  });
});

test("addresses and neighbours that npm's netlink writes are read as they were meant", (t) => {
  const address = new oracle.AttrStream();
  oracle.rt.formatAddressMessage(
    {
      kind: 'address',
      data: { family: 2, prefixlen: 24, index: 3 },
      attrs: { local: Buffer.from([10, 0, 0, 1]) },
    },
    address,
  );
  const [first] = readMessages(message(20, address.bufs));
  t.deepEqual(first && readAddress(first), { link: 3, address: '10.0.0.1/24' });
  const neighbour = new oracle.AttrStream();
  oracle.rt.formatNeighborMessage(
    {
      kind: 'neighbor',
      data: { family: 2, ifindex: 3, state: { permanent: true } },
      attrs: { dst: Buffer.from([10, 0, 0, 9]), lladdr: MAC_BYTES },
    },
    neighbour,
  );
  const [second] = readMessages(message(28, neighbour.bufs));
  t.deepEqual(second && readNeighbour(second), { link: 3, address: '10.0.0.9', mac: MAC });
});
