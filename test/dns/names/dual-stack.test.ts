import test from 'ava';
import { SeededRng, formatIp, tryIpOfBytes } from '../../../src/base/index.ts';
import { Rcode, RecordType, buildNames, resolve } from '../../../src/dns/index.ts';
import { networkId, taskId, viewOf, type TestCluster } from '../../dataplane/support/view.ts';

const CLUSTER: TestCluster = {
  vteps: ['192.0.2.1', '192.0.2.2'],
  networks: [{ number: 1, isDual: true }, { number: 2 }],
  services: [{ number: 1, networks: [1, 2] }],
  tasks: [
    { number: 1, service: 1, node: 1, networks: [1, 2] },
    { number: 2, service: 1, node: 2, networks: [1, 2] },
  ],
};
const NAMES = buildNames(viewOf(CLUSTER, 1));

/** What a task on the networks is told; addresses sorted. */
function told(type: number, name: string, networks = [1]): readonly string[] | string {
  const asker = { networks: networks.map(networkId), hasNdots: false };
  const found = resolve(NAMES, { name, type, class: 1 }, { asker, rng: new SeededRng(1) });
  if (found.kind === 'refuse') return found.rcode === Rcode.NXDOMAIN ? 'nxdomain' : '?';
  if (found.kind === 'forward') return 'forward';
  const texts = found.records.map(({ data }) => {
    if (data.kind === 'PTR') return data.target;
    if (data.kind === 'A') return formatIp(data.address);
    const address = data.kind === 'AAAA' ? tryIpOfBytes(data.address) : undefined;
    return address === undefined ? data.kind : formatIp(address);
  });
  return texts.sort();
}

const { A, AAAA, PTR } = RecordType;

test('AAAA is answered from the IPv6 addresses, A from those of IPv4', (t) => {
  t.deepEqual(told(AAAA, 'service1'), ['fd99:1::201']);
  t.deepEqual(told(A, 'service1'), ['10.99.1.201']);
  t.deepEqual(told(AAAA, 'tasks.service1'), ['fd99:1::11', 'fd99:1::12']);
  t.deepEqual(told(AAAA, 'task2.network1'), ['fd99:1::12']);
});

test('a name on a network without IPv6 has no AAAA, and is not asked outside', (t) => {
  t.deepEqual(told(AAAA, 'service1', [2]), []);
  t.deepEqual(told(AAAA, 'service1.network2', [1, 2]), []);
  t.is(told(AAAA, 'tasks.nobody', [1]), 'nxdomain');
  t.is(told(AAAA, 'example.org', [1]), 'forward');
});

test('an IPv6 address has its name back', (t) => {
  const zeros = '0.'.repeat(20);
  const reverse = (last: string): string => `${last}.${zeros}1.0.0.0.9.9.d.f.ip6.arpa`;
  t.deepEqual(told(PTR, reverse('1.0.2.0')), ['service1.network1']);
  t.deepEqual(told(PTR, reverse('2.1.0.0').toUpperCase()), [`service1.2.${taskId(2)}.network1`]);
  t.is(told(PTR, reverse('2.1.0.0'), [2]), 'forward', 'not on a network of the asker');
  t.is(told(PTR, `1.0.0.ip6.arpa`), 'forward');
  t.is(told(PTR, reverse('g.1.0.0')), 'forward');
});
