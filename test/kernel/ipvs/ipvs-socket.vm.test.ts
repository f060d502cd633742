import test, { type ExecutionContext } from 'ava';
import {
  ipvsChanges,
  IpvsSocket,
  KernelError,
  type Destination,
  type Service,
  type ServiceWithDestinations,
} from '../../../src/kernel/ipvs/index.ts';
import { until } from '../compliance/index.ts';
import { makeNamespace, type TestNamespace } from '../namespace-fixture.ts';

interface Place {
  readonly space: TestNamespace;
  readonly ipvs: IpvsSocket;
  /** Lines of `ipvsadm -Sn`: what one would type to have the same. */
  readonly listed: () => string[];
}

function makePlace(t: ExecutionContext): Place {
  const space = makeNamespace(t);
  const ipvs = new IpvsSocket(space.fd);
  t.teardown(() => ipvs.close());
  const listed = (): string[] =>
    space
      .run('ipvsadm', '-Sn')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .sort();
  return { space, ipvs, listed };
}

function server(address: string, change: Partial<Destination> = {}): Destination {
  return { address, port: 8080, forwarding: 'masquerade', weight: 1, ...change };
}

const WEB: Service = {
  id: { kind: 'address', protocol: 'tcp', address: '10.0.0.2', port: 80 },
  scheduler: 'wrr',
};
const DNS: Service = {
  id: { kind: 'address', protocol: 'udp', address: 'fd00::2', port: 53 },
  scheduler: 'mh',
  schedulerFlags: 2,
};
const MARKED: Service = {
  id: { kind: 'mark', family: 4, mark: 300 },
  scheduler: 'rr',
  persistence: { timeoutSeconds: 60, prefixBits: 24 },
};
const ALL: readonly ServiceWithDestinations[] = [
  {
    service: WEB,
    destinations: [server('10.0.0.5', { weight: 3 }), server('10.0.0.6', { weight: 0 })],
  },
  { service: DNS, destinations: [server('fd00::5', { port: 53 })] },
  {
    service: MARKED,
    destinations: [
      server('10.0.0.7', { port: 0, upperThreshold: 100, lowerThreshold: 50 }),
      server('10.0.0.8', {
        port: 0,
        forwarding: 'tunnel',
        tunnel: { type: 'gue', port: 6080, flags: 0 },
      }),
    ],
  },
];

function held(ipvs: IpvsSocket): ServiceWithDestinations[] {
  return ipvs
    .services()
    .map((service) => ({ service, destinations: ipvs.destinations(service.id) }));
}

test('ipvsadm shows what was asked for, and a listing differs in nothing', async (t) => {
  const { space, ipvs, listed } = makePlace(t);
  t.deepEqual(ipvs.apply(ipvsChanges([], ALL)).filter(Boolean), []);
  t.deepEqual(listed(), [
    '-A -f 300 -s rr -p 60 -M 255.255.255.0',
    '-A -t 10.0.0.2:80 -s wrr',
    '-A -u [fd00::2]:53 -s mh -b mh-port',
    '-a -f 300 -r 10.0.0.7:0 -m -w 1',
    '-a -f 300 -r 10.0.0.8:0 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum',
    '-a -t 10.0.0.2:80 -r 10.0.0.5:8080 -m -w 3',
    '-a -t 10.0.0.2:80 -r 10.0.0.6:8080 -m -w 0',
    '-a -u [fd00::2]:53 -r [fd00::5]:53 -m -w 1',
  ]);
  t.regex(space.run('ipvsadm', '-Ln', '--thresholds'), /10\.0\.0\.7:0 +100 +50 /);
  t.deepEqual(ipvsChanges(held(ipvs), ALL), []);
  t.like(ipvs.service(MARKED.id), MARKED);
});

test('what ipvsadm made is found, and changed into what is wanted', (t) => {
  const { space, ipvs, listed } = makePlace(t);
  space.run('ipvsadm', '-A', '-t', '10.0.0.2:80', '-s', 'lc');
  space.run('ipvsadm', '-a', '-t', '10.0.0.2:80', '-r', '10.0.0.5:8080', '-m', '-w', '9');
  space.run('ipvsadm', '-a', '-t', '10.0.0.2:80', '-r', '10.0.0.9:8080', '-m');
  space.run('ipvsadm', '-A', '-u', '10.0.0.2:53', '-s', 'rr');
  const changes = ipvsChanges(held(ipvs), [{ service: WEB, destinations: [server('10.0.0.5')] }]);
  t.deepEqual(
    changes.map(({ action }) => action),
    ['delete-service', 'set-service', 'set-destination', 'delete-destination'],
  );
  t.deepEqual(ipvs.apply(changes).filter(Boolean), []);
  t.deepEqual(listed(), ['-A -t 10.0.0.2:80 -s wrr', '-a -t 10.0.0.2:80 -r 10.0.0.5:8080 -m -w 1']);
});

test('refusals name errno and object, and the others of a batch are carried out', (t) => {
  const { ipvs, listed } = makePlace(t);
  const outcomes = ipvs.apply([
    { action: 'add-service', service: WEB },
    { action: 'add-service', service: WEB },
    { action: 'set-service', service: DNS },
    { action: 'set-destination', id: WEB.id, destination: server('10.0.0.5') },
    { action: 'delete-destination', id: WEB.id, destination: server('10.0.0.5') },
    { action: 'add-destination', id: MARKED.id, destination: server('10.0.0.5') },
    { action: 'add-service', service: { ...MARKED, scheduler: 'nosuch' } },
    { action: 'add-destination', id: WEB.id, destination: server('10.0.0.6') },
  ]);
  const refused = outcomes.map((error) =>
    error?.detail.code === 'SYSTEM' ? `${error.detail.errno} ${error.detail.object}` : '',
  );
  t.deepEqual(refused, [
    '',
    'EEXIST ipvs service tcp 10.0.0.2:80',
    'ESRCH ipvs service udp [fd00::2]:53',
    'ENOENT ipvs destination 10.0.0.5:8080 of tcp 10.0.0.2:80',
    'ENOENT ipvs destination 10.0.0.5:8080 of tcp 10.0.0.2:80',
    'ESRCH ipvs destination 10.0.0.5:8080 of mark 300 ipv4',
    'ENOENT ipvs service mark 300 ipv4',
    '',
  ]);
  t.is(listed().length, 2);
  const error = t.throws(() => ipvs.service(DNS.id), { instanceOf: KernelError });
  t.like(error.detail, { errno: 'ESRCH' });
  t.deepEqual(ipvs.destinations(DNS.id), []);
});

test('namespaces have services, timeouts and daemons of their own', (t) => {
  const [here, there] = [makePlace(t), makePlace(t)];
  here.ipvs.apply(ipvsChanges([], ALL));
  t.deepEqual(there.ipvs.services(), []);
  here.ipvs.request(
    here.ipvs.requests.setTimeouts({ tcpSeconds: 432_000, tcpFinSeconds: 0, udpSeconds: 60 }),
  );
  t.deepEqual(here.ipvs.timeouts(), { tcpSeconds: 432_000, tcpFinSeconds: 120, udpSeconds: 60 });
  t.deepEqual(there.ipvs.timeouts(), { tcpSeconds: 900, tcpFinSeconds: 120, udpSeconds: 300 });
  t.regex(here.space.run('ipvsadm', '-Ln', '--timeout'), /432000 120 60/);
  t.like(here.ipvs.info(), { version: '1.2.1', connectionTableSize: 4096 });
});

test('counters are read and set to zero, and a flush leaves nothing', async (t) => {
  const { space, ipvs, listed } = makePlace(t);
  for (const address of ['10.0.0.2/32', '10.0.0.9/32'])
    space.run('ip', 'address', 'add', address, 'dev', 'lo');
  ipvs.apply(ipvsChanges([], [{ service: { ...WEB, scheduler: 'rr' }, destinations: [] }]));
  ipvs.apply([{ action: 'add-destination', id: WEB.id, destination: server('10.0.0.9') }]);
  // Nobody listens there, which is told to the client through the service: one connection.
  t.throws(() => space.run('curl', '-s', '--max-time', '60', 'http://10.0.0.2/'));
  // The kernel adds its processors' counters up every two seconds.
  const seen = (): number => ipvs.service(WEB.id).statistics.connections;
  await until('the connection to be counted', async () => seen() === 1);
  t.true((ipvs.destinations(WEB.id)[0]?.statistics.packetsIn ?? 0) > 0);
  ipvs.request(ipvs.requests.zero(WEB.id));
  t.is(seen(), 0);
  ipvs.request(ipvs.requests.flush());
  t.deepEqual(listed(), []);
});

test('a sync daemon is started, listed and stopped', (t) => {
  const { space, ipvs } = makePlace(t);
  space.run('ip', 'link', 'add', 'sync0', 'type', 'dummy');
  space.run('ip', 'address', 'add', '10.9.0.1/24', 'dev', 'sync0');
  space.run('ip', 'link', 'set', 'sync0', 'up');
  const daemon = {
    state: 'master',
    link: 'sync0',
    syncId: 7,
    group: '224.0.0.82',
    ttl: 2,
  } as const;
  ipvs.request(ipvs.requests.startDaemon(daemon));
  t.like(ipvs.daemons()[0], daemon);
  ipvs.request(ipvs.requests.stopDaemon('master'));
  t.deepEqual(ipvs.daemons(), []);
});
