import test from 'ava';
import { ClusterError } from '../../../src/cluster/index.ts';
import {
  formatHostPort,
  parseHostPort,
  parseIpPort,
  plainAddress,
} from '../../../src/cluster/transport/index.ts';

const GOOD = [
  { text: '192.0.2.1', host: '192.0.2.1', port: 2377, back: '192.0.2.1:2377' },
  { text: '192.0.2.1:1', host: '192.0.2.1', port: 1, back: '192.0.2.1:1' },
  { text: '2001:db8::1', host: '2001:db8::1', port: 2377, back: '[2001:db8::1]:2377' },
  { text: '[2001:db8::1]', host: '2001:db8::1', port: 2377, back: '[2001:db8::1]:2377' },
  { text: '[2001:db8::1]:99', host: '2001:db8::1', port: 99, back: '[2001:db8::1]:99' },
  {
    text: 'manager.example:2377',
    host: 'manager.example',
    port: 2377,
    back: 'manager.example:2377',
  },
];

for (const { text, host, port, back } of GOOD)
  test(`${text} is ${host} and ${port}`, (t) => {
    const parsed = parseHostPort(text, 2377);
    t.deepEqual(parsed, { host, port });
    t.is(formatHostPort(parsed), back);
  });

for (const text of [
  '',
  ':2377',
  'a b',
  'x:y',
  '192.0.2.1:70000',
  '[192.0.2.1]:1',
  '[::1',
  'user@host',
  'host/path',
])
  test(`"${text}" is no address`, (t) => {
    t.throws(() => parseHostPort(text, 2377), { instanceOf: ClusterError });
  });

test('a name is no IP address', (t) => {
  t.throws(() => parseIpPort('manager.example', 1), { instanceOf: ClusterError });
});

test('an IPv4 address on a socket of both families is shown plain', (t) => {
  t.is(plainAddress('::ffff:192.0.2.1'), '192.0.2.1');
  t.is(plainAddress('2001:db8::1'), '2001:db8::1');
});
