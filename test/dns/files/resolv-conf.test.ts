import test from 'ava';
import { buildResolvConf, type ResolvConf } from '../../../src/dns/index.ts';

interface Case {
  readonly title: string;
  readonly host: string;
  readonly dns?: Parameters<typeof buildResolvConf>[1];
  /** The lines of the file that are neither empty nor remarks. */
  readonly lines: readonly string[];
  readonly upstreams: readonly string[];
  readonly hasNdots: boolean;
}

const CASES: readonly Case[] = [
  {
    title: "the host's servers give way to the resolver; search stays, ndots:0 is added",
    host: 'nameserver 10.0.0.53\nsearch example.org corp.example.org\n',
    lines: ['nameserver 127.0.0.11', 'search example.org corp.example.org', 'options ndots:0'],
    upstreams: ['host 10.0.0.53'],
    hasNdots: false,
  },
  {
    title: 'options stay, ndots:0 after them',
    host: 'nameserver 10.0.0.53\noptions edns0 trust-ad\n',
    lines: ['nameserver 127.0.0.11', 'options edns0 trust-ad ndots:0'],
    upstreams: ['host 10.0.0.53'],
    hasNdots: false,
  },
  {
    title: "the host's own ndots stays",
    host: 'nameserver 10.0.0.53\noptions ndots:2 rotate\n',
    lines: ['nameserver 127.0.0.11', 'options ndots:2 rotate'],
    upstreams: ['host 10.0.0.53'],
    hasNdots: true,
  },
  {
    title: 'an ndots that is no number counts as set and is replaced',
    host: 'nameserver 10.0.0.53\noptions ndots:many\n',
    lines: ['nameserver 127.0.0.11', 'options ndots:0'],
    upstreams: ['host 10.0.0.53'],
    hasNdots: true,
  },
  {
    title: "a resolver on the host's loopback is asked from the host",
    host: 'nameserver 127.0.0.53\n',
    lines: ['nameserver 127.0.0.11', 'options ndots:0'],
    upstreams: ['host 127.0.0.53'],
    hasNdots: false,
  },
  {
    title: 'three servers at most, IPv6 ones with zones among them, what is no address left out',
    host:
      'nameserver one\nnameserver fe80::1%eth0\nnameserver 10.0.0.1\nnameserver ' +
      '10.0.0.2\nnameserver 10.0.0.3\n',
    lines: ['nameserver 127.0.0.11', 'options ndots:0'],
    upstreams: ['host fe80::1%eth0', 'host 10.0.0.1', 'host 10.0.0.2'],
    hasNdots: false,
  },
  {
    title: 'the last search wins, domain is an old word for it; remarks go, other directives stay',
    host:
      '# mine\n; too\nsearch a b\ndomain c\nsortlist 130.155.160.0\n\nnameserver\t10.0.0.53 ' +
      '# x\n',
    lines: ['nameserver 127.0.0.11', 'search c', 'options ndots:0', 'sortlist 130.155.160.0'],
    upstreams: ['host 10.0.0.53'],
    hasNdots: false,
  },
  {
    title: 'no file on the host: no upstreams',
    host: '',
    lines: ['nameserver 127.0.0.11', 'options ndots:0'],
    upstreams: [],
    hasNdots: false,
  },
  {
    title: "--dns servers replace the host's and are asked from the container",
    host: 'nameserver 10.0.0.53\nsearch example.org\n',
    dns: { Nameservers: ['1.1.1.1', '2606:4700::1111'] },
    lines: ['nameserver 127.0.0.11', 'search example.org', 'options ndots:0'],
    upstreams: ['container 1.1.1.1', 'container 2606:4700::1111'],
    hasNdots: false,
  },
  {
    title:
      "the resolver is not its own upstream, but the host's server of that address is somebody " +
      'else',
    host: 'nameserver 127.0.0.11\n',
    lines: ['nameserver 127.0.0.11', 'options ndots:0'],
    upstreams: ['host 127.0.0.11'],
    hasNdots: false,
  },
  {
    title: 'the resolver among --dns servers is left out before three are counted',
    host: '',
    dns: { Nameservers: ['127.0.0.11', '10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4'] },
    lines: ['nameserver 127.0.0.11', 'options ndots:0'],
    upstreams: ['container 10.1.0.1', 'container 10.1.0.2', 'container 10.1.0.3'],
    hasNdots: false,
  },
  {
    title: '--dns-search and --dns-option replace theirs only',
    host: 'nameserver 10.0.0.53\nsearch example.org\noptions rotate\n',
    dns: { Search: ['internal'], Options: ['timeout:1', 'ndots:3'] },
    lines: ['nameserver 127.0.0.11', 'search internal', 'options timeout:1 ndots:3'],
    upstreams: ['host 10.0.0.53'],
    hasNdots: true,
  },
  {
    title: '--dns-search . means none',
    host: 'nameserver 10.0.0.53\nsearch example.org\n',
    dns: { Search: ['.'] },
    lines: ['nameserver 127.0.0.11', 'options ndots:0'],
    upstreams: ['host 10.0.0.53'],
    hasNdots: false,
  },
  {
    title: 'a value cannot bring a line of its own',
    host: '',
    dns: { Search: ['a\nnameserver 6.6.6.6'], Options: ['rotate\nnameserver 6.6.6.6'] },
    lines: [
      'nameserver 127.0.0.11',
      'search a nameserver 6.6.6.6',
      'options rotate nameserver 6.6.6.6 ndots:0',
    ],
    upstreams: [],
    hasNdots: false,
  },
];

for (const one of CASES) {
  test(one.title, (t) => {
    const conf = buildResolvConf(one.host, one.dns);
    t.deepEqual(linesOf(conf), one.lines);
    t.deepEqual(
      conf.upstreams.map(
        ({ from, address, port }) => `${from} ${address}${port === 53 ? '' : '?'}`,
      ),
      one.upstreams,
    );
    t.is(conf.hasNdots, one.hasNdots);
  });
}

function linesOf(conf: ResolvConf): readonly string[] {
  return conf.file.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

test('remarks say where the parts come from', (t) => {
  const { file } = buildResolvConf('nameserver 10.0.0.53\nnameserver x\n', { Search: ['a'] });
  t.is(
    file,
    `# Generated by Hawser.
# This file can be edited; Hawser makes no further changes to it.

nameserver 127.0.0.11
search a
options ndots:0

# Based on host file: '/etc/resolv.conf' (internal resolver)
# ExtServers: [host(10.0.0.53)]
# Invalid nameservers: [x]
# Overrides: [search]
# Option ndots from: internal
`,
  );
});

test('a container without any server says so', (t) => {
  t.true(buildResolvConf('').file.includes('# NO EXTERNAL NAMESERVERS DEFINED\n'));
});
