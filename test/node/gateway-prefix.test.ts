import test from 'ava';
import { cidr4 } from '../../src/base/index.ts';
import { chooseGatewayPrefix, parseProcRoutes } from '../../src/node/gateway-prefix.ts';

const PROC_NET_ROUTE = [
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
  'eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
  'eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
  'docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
  '',
].join('\n');

test('routes are read from /proc/net/route with their prefix lengths', (t) => {
  t.deepEqual(parseProcRoutes(PROC_NET_ROUTE), [
    cidr4('0.0.0.0/0'),
    cidr4('192.168.1.0/24'),
    cidr4('172.17.0.0/16'),
  ]);
});

test('the gateway prefix is the first pool that no specific route covers', (t) => {
  t.is(chooseGatewayPrefix(parseProcRoutes(PROC_NET_ROUTE)), '172.18.0.0/16');
  t.is(chooseGatewayPrefix([cidr4('172.16.0.0/12')]), '192.168.0.0/20');
  t.is(chooseGatewayPrefix([cidr4('172.16.0.0/12'), cidr4('192.168.1.0/24')]), '192.168.16.0/20');
});

test('a host that uses every pool is told so', (t) => {
  const error = t.throws(() =>
    chooseGatewayPrefix([cidr4('172.16.0.0/12'), cidr4('192.168.0.0/16')]),
  );
  t.like(error, { detail: { code: 'no-gateway-prefix' } });
});
