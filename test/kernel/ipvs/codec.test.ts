import test from 'ava';
import fc from 'fast-check';
import {
  IpvsRequests,
  KernelError,
  readDaemon,
  readDestination,
  readInfo,
  readService,
  readTimeouts,
  type Destination,
  type Service,
  type ServiceId,
} from '../../../src/kernel/ipvs/index.ts';
import {
  MessageWriter,
  readMessages,
  type NetlinkMessage,
  type NetlinkRequest,
} from '../../../src/kernel/netlink/index.ts';
import { RECEIVED, SENT } from './corpus/ipvsadm.ts';

const FAMILY = 0x20;
const requests = new IpvsRequests(FAMILY);

const TCP: ServiceId = { kind: 'address', protocol: 'tcp', address: '10.0.0.2', port: 80 };
const UDP6: ServiceId = { kind: 'address', protocol: 'udp', address: 'fd00::2', port: 53 };
const MARK: ServiceId = { kind: 'mark', family: 4, mark: 300 };
const MARK6: ServiceId = { kind: 'mark', family: 6, mark: 301 };
const WEB: Service = {
  id: TCP,
  scheduler: 'wrr',
  persistence: { timeoutSeconds: 300, prefixBits: 24 },
};
const DNS: Service = { id: UDP6, scheduler: 'mh', schedulerFlags: 2 };
const MARKED6: Service = {
  id: MARK6,
  scheduler: 'lc',
  persistence: { timeoutSeconds: 60, prefixBits: 64 },
};
const WEB_SERVER: Destination = {
  address: '10.0.0.5',
  port: 8080,
  forwarding: 'masquerade',
  weight: 3,
  upperThreshold: 100,
  lowerThreshold: 50,
};

function written(request: NetlinkRequest): NetlinkMessage {
  const writer = new MessageWriter();
  writer.begin({ type: request.type, flags: 0, sequence: 1 });
  request.write(writer);
  writer.end();
  const [message] = readMessages(writer.bytes().slice());
  if (message === undefined) throw new Error('nothing was written');
  return message;
}

function hexOf({ payload }: NetlinkMessage): string {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('hex');
}

function received(hex: string): NetlinkMessage {
  const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
  return { type: FAMILY, flags: 0, sequence: 1, port: 0, payload: new DataView(bytes.buffer) };
}

/** From the destination on: ipvsadm writes the whole service before it where its name suffices. */
function destinationPart(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  return bytes.subarray(4 + ((bytes.readUInt16LE(4) + 3) & ~3)).toString('hex');
}

test('services, settings and daemons are written as ipvsadm writes them', (t) => {
  const cases: [keyof typeof SENT, NetlinkRequest][] = [
    ['-A -t 10.0.0.2:80 -s wrr -p 300 -M 255.255.255.0', requests.addService(WEB)],
    ['-A -u [fd00::2]:53 -s mh -b mh-port', requests.addService(DNS)],
    ['-A -f 300 -s rr', requests.addService({ id: MARK, scheduler: 'rr' })],
    ['-A -f 301 -6 -s lc -p 60 -M 64', requests.addService(MARKED6)],
    ['-E -t 10.0.0.2:80 -s lc', requests.setService({ id: TCP, scheduler: 'lc' })],
    [
      '--set 900 120 300',
      requests.setTimeouts({ tcpSeconds: 900, tcpFinSeconds: 120, udpSeconds: 300 }),
    ],
    ['-Z', requests.zero()],
    [
      '--start-daemon master --mcast-interface lo --syncid 7',
      requests.startDaemon({ state: 'master', link: 'lo', syncId: 7 }),
    ],
    ['-C', requests.flush()],
  ];
  for (const [command, request] of cases) t.is(hexOf(written(request)), SENT[command], command);
});

test('destinations are written as ipvsadm writes them', (t) => {
  const plain = { port: 0, forwarding: 'masquerade', weight: 1 } as const;
  const tunnel = { type: 'gue', port: 6080, flags: 0 } as const;
  const cases: [keyof typeof SENT, ServiceId, Destination][] = [
    ['-a -t 10.0.0.2:80 -r 10.0.0.5:8080 -m -w 3 -x 100 -y 50', TCP, WEB_SERVER],
    [
      '-a -u [fd00::2]:53 -r [fd00::5]:53 -m -w 0',
      UDP6,
      { ...plain, address: 'fd00::5', port: 53, weight: 0 },
    ],
    ['-a -f 300 -r 10.0.0.6 -m -w 1', MARK, { ...plain, address: '10.0.0.6' }],
    [
      '-a -f 300 -r 192.168.9.9 -i --tun-type gue --tun-port 6080 -w 1',
      MARK,
      { ...plain, address: '192.168.9.9', forwarding: 'tunnel', tunnel },
    ],
    [
      '-a -f 300 -r 192.168.9.10 -g',
      MARK,
      { ...plain, address: '192.168.9.10', forwarding: 'direct' },
    ],
  ];
  for (const [command, id, destination] of cases) {
    const hex = hexOf(written(requests.addDestination(id, destination)));
    t.is(destinationPart(hex), destinationPart(SENT[command]), command);
  }
});

test('what the kernel lists is read', (t) => {
  const noTraffic = { connections: 0, packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0 };
  const statistics = noTraffic;
  const idle = {
    activeConnections: 0,
    inactiveConnections: 0,
    persistentConnections: 0,
    statistics,
  };
  // By then it had been changed to another scheduler, without persistence.
  t.deepEqual(readService(received(RECEIVED.tcpService)), { id: TCP, scheduler: 'lc', statistics });
  t.deepEqual(readService(received(RECEIVED.udp6Service)), { ...DNS, statistics });
  t.deepEqual(readService(received(RECEIVED.markService)), {
    id: MARK,
    scheduler: 'rr',
    statistics,
  });
  t.deepEqual(readService(received(RECEIVED.mark6Service)), { ...MARKED6, statistics });
  t.deepEqual(readDestination(received(RECEIVED.tcpDestination), 4), {
    address: '10.0.0.5',
    port: 8080,
    forwarding: 'masquerade',
    weight: 7,
    ...idle,
  });
  t.deepEqual(readDestination(received(RECEIVED.udp6Destination), 6), {
    address: 'fd00::5',
    port: 53,
    forwarding: 'masquerade',
    weight: 0,
    ...idle,
  });
  t.deepEqual(readTimeouts(received(RECEIVED.timeouts)), {
    tcpSeconds: 900,
    tcpFinSeconds: 120,
    udpSeconds: 300,
  });
  t.like(readDaemon(received(RECEIVED.daemon)), {
    state: 'master',
    link: 'lo',
    syncId: 7,
    group: '224.0.0.81',
    port: 8848,
    ttl: 1,
  });
});

/** A record as the sources write it, with the usual prototype. */
const plain = <Shape extends object>(model: {
  [Key in keyof Shape]: fc.Arbitrary<Shape[Key]>;
}): fc.Arbitrary<Shape> => fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<Shape>;

const address = fc.oneof(
  fc.ipV4(),
  fc.integer({ min: 1, max: 0xffff }).map((host) => `fd00::${host.toString(16)}`),
);
const port = fc.integer({ min: 0, max: 65_535 });
const serviceId: fc.Arbitrary<ServiceId> = fc.oneof(
  plain({
    kind: fc.constant('address' as const),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
    address,
    port,
  }),
  plain({
    kind: fc.constant('mark' as const),
    family: fc.constantFrom(4 as const, 6 as const),
    mark: fc.integer({ min: 1, max: 0xffffffff }),
  }),
);

test('what is written is read again', (t) => {
  fc.assert(
    fc.property(
      serviceId,
      fc.integer({ min: 1, max: 32 }),
      fc.integer({ min: 1, max: 7 }),
      (id, prefixBits, schedulerFlags) => {
        const service: Service = {
          id,
          scheduler: 'wlc',
          schedulerFlags,
          persistence: { timeoutSeconds: 5, prefixBits },
          isOnePacket: true,
          engine: 'sip',
        };
        t.like(readService(written(requests.addService(service))), service);
      },
    ),
  );
  fc.assert(
    fc.property(
      plain({
        address,
        port,
        forwarding: fc.constantFrom('masquerade', 'direct', 'local', 'bypass'),
        weight: fc.integer({ min: 0, max: 65_535 }),
      }),
      (destination) => {
        const message = written(requests.addDestination(TCP, destination));
        t.like(readDestination(message, 4), destination);
      },
    ),
  );
});

test('bytes that are no reply are refused with a code, however they are cut or changed', (t) => {
  const whole = Object.values(RECEIVED).map((hex) => Buffer.from(hex, 'hex'));
  const mangled = fc
    .tuple(fc.constantFrom(...whole), fc.nat(), fc.nat(), fc.integer({ min: 0, max: 255 }))
    .map(([bytes, length, at, value]) => {
      const cut = Uint8Array.from(bytes).subarray(0, (length % bytes.length) + 1);
      cut[at % cut.length] = value;
      return { ...received(''), payload: new DataView(cut.slice().buffer) };
    });
  const readers = [
    readService,
    (message: NetlinkMessage) => readDestination(message, 4),
    readTimeouts,
    readInfo,
    readDaemon,
  ];
  fc.assert(
    fc.property(mangled, fc.constantFrom(...readers), (message, read) => {
      try {
        read(message);
      } catch (error) {
        t.true(error instanceof KernelError, String(error));
      }
    }),
  );
  t.throws(() => readService(received('0101 0000'.replace(' ', ''))), { instanceOf: KernelError });
});

test('what cannot be put into the form of the kernel is refused before anything is sent', (t) => {
  const service = (change: Partial<Service>): NetlinkRequest =>
    requests.addService({ ...WEB, ...change });
  const destination = (change: Partial<Destination>): NetlinkRequest =>
    requests.addDestination(TCP, { ...WEB_SERVER, ...change });
  const cases: [string, NetlinkRequest][] = [
    ['address', service({ id: { ...TCP, address: '10.0.0' } })],
    ['port', service({ id: { ...TCP, port: 65_536 } })],
    ['mark', service({ id: { ...MARK, mark: 0 } })],
    ['scheduler', service({ scheduler: 'a-name-of-more-than-15' })],
    ['scheduler', service({ scheduler: '' })],
    ['scheduler flags', service({ schedulerFlags: 8 })],
    ['persistence timeout', service({ persistence: { timeoutSeconds: 0, prefixBits: 32 } })],
    ['persistence prefix', service({ persistence: { timeoutSeconds: 9, prefixBits: 33 } })],
    ['persistence engine', service({ engine: 'a b' })],
    ['weight', destination({ weight: -1 })],
    ['weight', destination({ weight: 1.5 })],
    ['upper threshold', destination({ upperThreshold: Number.NaN })],
    ['address', destination({ address: 'web' })],
    ['tunnel flags', destination({ tunnel: { type: 'gue', port: 1, flags: 65_536 } })],
    ['timeout', requests.setTimeouts({ tcpSeconds: -1, tcpFinSeconds: 0, udpSeconds: 0 })],
    ['link', requests.startDaemon({ state: 'backup', link: '', syncId: 1 })],
    ['sync id', requests.startDaemon({ state: 'backup', link: 'lo', syncId: 256 })],
  ];
  for (const [field, request] of cases) {
    const error = t.throws(() => written(request), { instanceOf: KernelError });
    t.like(error.detail, { code: 'INVALID_ARGUMENT', field }, field);
  }
});
