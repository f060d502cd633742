import test from 'ava';
import { DnsError, buildHostsFile } from '../../../src/dns/index.ts';

const LOCALHOST = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

test('localhost, then extra hosts line by line, then the container on each network', (t) => {
  const file = buildHostsFile({
    hostname: 'web-1',
    addresses: ['10.0.1.5', '10.0.2.5'],
    extraHosts: ['192.0.2.7 db  database', 'fd00::7\tv6'],
  });
  const extra = '192.0.2.7\tdb\n192.0.2.7\tdatabase\nfd00::7\tv6\n';
  t.is(file, `${LOCALHOST}${extra}10.0.1.5\tweb-1\n10.0.2.5\tweb-1\n`);
});

test('a hostname with a domain is listed with and without it', (t) => {
  const file = buildHostsFile({ hostname: 'web.example.org', addresses: ['10.0.1.5'] });
  t.is(file, `${LOCALHOST}10.0.1.5\tweb.example.org web\n`);
});

test('a container without networks has localhost only', (t) => {
  t.is(buildHostsFile({ hostname: 'alone', addresses: [] }), LOCALHOST);
});

for (const entry of [
  '',
  '10.0.0.1',
  'db 10.0.0.1',
  '10.0.0.0/8 net',
  '300.1.1.1 x',
  'db:10.0.0.1',
]) {
  test(`the entry "${entry}" is refused by name`, (t) => {
    const error = t.throws(
      () => buildHostsFile({ hostname: 'h', addresses: [], extraHosts: ['10.0.0.1 ok', entry] }),
      { instanceOf: DnsError },
    );
    t.deepEqual(error.detail, { code: 'hosts-entry', entry });
  });
}

test('an entry cannot bring a line of its own', (t) => {
  const file = buildHostsFile({
    hostname: 'h',
    addresses: [],
    extraHosts: ['10.0.0.1 a\n6.6.6.6 b'],
  });
  t.is(file, `${LOCALHOST}10.0.0.1\ta\n10.0.0.1\t6.6.6.6\n10.0.0.1\tb\n`);
});
