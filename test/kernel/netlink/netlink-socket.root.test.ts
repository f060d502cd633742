import test from 'ava';
import type { Mac } from '../../../src/base/index.ts';
import { KernelError } from '../../../src/kernel/index.ts';
import {
  changeLink,
  createLink,
  genericFamily,
  getLink,
  listFdb,
  listLinks,
  namespaceIdOf,
  NETLINK_GENERIC,
  NETLINK_ROUTE,
  NetlinkEvents,
  NetlinkSocket,
  putAddress,
  putFdb,
  readFdb,
  readLink,
  type NetlinkRequest,
} from '../../../src/kernel/netlink/index.ts';
import { until } from '../compliance/index.ts';
import { makeNamespace, type TestNamespace } from '../namespace-fixture.ts';

const RTNLGRP_LINK = 1;

function makeVxlan({ route }: TestNamespace): number {
  const kind = {
    kind: 'vxlan',
    vni: 7,
    port: 47_892,
    local: '127.0.0.1',
    learning: false,
    proxy: true,
  } as const;
  route.request(createLink({ name: 'vx0', kind }));
  return indexOf(route, 'vx0');
}

function indexOf(socket: NetlinkSocket, name: string): number {
  const [reply] = socket.request(getLink(name));
  return (reply && readLink(reply))?.index ?? 0;
}

function rowTo(link: number, index: number): NetlinkRequest {
  const hex = (value: number): string => (value & 255).toString(16).padStart(2, '0');
  const mac = `02:42:00:${hex(index >> 16)}:${hex(index >> 8)}:${hex(index)}` as Mac;
  return putFdb({ link, mac, owner: 'self', vtep: '192.0.2.1' });
}

test('a refusal names errno, call and object, in the words of the kernel', (t) => {
  const { route } = makeNamespace(t);
  route.request(createLink({ name: 'br0', kind: { kind: 'bridge' } }));
  const again = createLink({ name: 'br0', kind: { kind: 'bridge' } });
  const error = t.throws(() => route.request(again), { instanceOf: KernelError });
  t.like(error.detail, { code: 'SYSTEM', errno: 'EEXIST', call: 'netlink', object: 'link br0' });
  const bad = t.throws(() => route.request(putAddress({ link: 99, address: '10.0.0.1/24' })), {
    instanceOf: KernelError,
  });
  t.like(bad.detail, { errno: 'ENODEV' });
  const kind = {
    kind: 'vxlan',
    vni: 2 ** 24,
    port: 1,
    local: '127.0.0.1',
    learning: false,
    proxy: false,
  } as const;
  const refused = t.throws(() => route.request(createLink({ name: 'vx', kind })), {
    instanceOf: KernelError,
  });
  t.true('text' in refused.detail && refused.detail.text.length > 0, refused.message);
});

test('refused requests of a batch are known by their places, whatever else is in it', (t) => {
  const space = makeNamespace(t);
  const link = makeVxlan(space);
  const isBad = (index: number): boolean => index % 777 === 5;
  const requests = Array.from({ length: 5000 }, (_, index) =>
    rowTo(isBad(index) ? 9999 : link, index),
  );
  const outcomes = space.route.batch(requests);
  const failed = outcomes.flatMap((error, index) => (error === undefined ? [] : [index]));
  t.deepEqual(
    failed,
    requests.flatMap((_, index) => (isBad(index) ? [index] : [])),
  );
  const rows = space.route.dump(listFdb()).map(readFdb);
  t.is(rows.filter((row) => row?.link === link).length, 5000 - failed.length);
});

test('a batch that is refused as a whole loses no error', (t) => {
  const { route } = makeNamespace(t);
  const outcomes = route.batch(Array.from({ length: 3000 }, (_, index) => rowTo(9999, index)));
  t.true(outcomes.every((error) => error?.detail.code === 'SYSTEM'));
});

test('an empty batch asks for nothing', (t) => {
  t.deepEqual(makeNamespace(t).route.batch([]), []);
});

test('a socket goes on after a request that was refused, until it is closed', (t) => {
  const { fd } = makeNamespace(t);
  const socket = new NetlinkSocket(fd, NETLINK_ROUTE);
  const short: NetlinkRequest = { type: 16, object: 'nothing', write: (writer) => writer.u32(0) };
  t.throws(() => socket.request(short), { instanceOf: KernelError });
  t.is(socket.dump(listLinks()).length, 1);
  socket.close();
  socket.close();
  t.throws(() => socket.dump(listLinks()), { message: /the netlink socket is open/ });
});

test('generic netlink families are found by name', (t) => {
  const { fd } = makeNamespace(t);
  const socket = new NetlinkSocket(fd, NETLINK_GENERIC);
  const family = genericFamily(socket, 'nlctrl');
  t.like(family, { id: 16, name: 'nlctrl' });
  t.true((family.groups.get('notify') ?? 0) > 0);
  const error = t.throws(() => genericFamily(socket, 'no-such'), { instanceOf: KernelError });
  t.like(error.detail, { errno: 'ENOENT' });
  socket.close();
});

test('a namespace has a number for another once a link of its leads there', (t) => {
  const [here, there] = [makeNamespace(t), makeNamespace(t)];
  t.is(namespaceIdOf(here.route, there.fd), undefined);
  const kind = { kind: 'veth', peerName: 'b', peerNamespaceFd: there.fd } as const;
  here.route.request(createLink({ name: 'a', kind }));
  const [reply] = here.route.request(getLink('a'));
  t.is(namespaceIdOf(here.route, there.fd), (reply && readLink(reply))?.linkNamespaceId);
});

test('events that the kernel had to drop are reported, and events go on after them', async (t) => {
  const { fd, route } = makeNamespace(t);
  const seen = { events: 0, overruns: 0 };
  const events = new NetlinkEvents(
    { namespaceFd: fd, protocol: NETLINK_ROUTE, groups: [RTNLGRP_LINK], receiveBufferBytes: 4096 },
    {
      onMessages: (messages) => {
        seen.events += messages.length;
      },
      onOverrun: () => {
        seen.overruns += 1;
      },
    },
  );
  t.teardown(() => events.close());
  route.request(createLink({ name: 'br0', kind: { kind: 'bridge' } }));
  const link = indexOf(route, 'br0');
  // Only links that are up tell of a new alias.
  route.request(changeLink(link, { isUp: true }));
  const change = (): unknown =>
    route.request(changeLink(link, { mtu: 1000 + (seen.events % 400) }));
  for (const round of [1, 2]) {
    // The event loop is busy meanwhile: nobody reads.
    for (let count = 0; count < 200; count += 1)
      route.request(changeLink(link, { alias: `round ${round}, change ${count}` }));
    await until(`overrun ${round}`, async () => seen.overruns >= round);
    const before = seen.events;
    change();
    await until('an event after the overrun', async () => seen.events > before);
  }
  t.pass();
});

test('closing from within a handler ends the events at once', async (t) => {
  const { fd, route } = makeNamespace(t);
  let calls = 0;
  const events = new NetlinkEvents(
    { namespaceFd: fd, protocol: NETLINK_ROUTE, groups: [RTNLGRP_LINK] },
    {
      onMessages: () => {
        calls += 1;
        events.close();
      },
      onOverrun: () => undefined,
    },
  );
  for (const name of ['a', 'b', 'c']) route.request(createLink({ name, kind: { kind: 'bridge' } }));
  await until('the first event', async () => calls > 0);
  t.is(calls, 1);
});
