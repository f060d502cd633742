/** The form of tables is pinned: an engine of another build may have to read them. */
import test from 'ava';
import { TABLE_VERSION, buildNames, encodeNetworkTable } from '../../../src/dns/index.ts';
import { network, networkId, service, view } from '../names/sample-view.ts';

/** A change here needs another `TABLE_VERSION`, in `native/dns/answer/table.h` as well. */
const WEB_ON_FRONT =
  'PLACEHOLDER';

test('the table of a network with one service', (t) => {
  const rows = { networks: [network('Front')], services: [service('web', { Front: '10.0.1.2' })] };
  const names = buildNames(view(rows));
  const front = names.network(networkId('id-Front'));
  t.is(TABLE_VERSION, 1);
  t.is(front && Buffer.from(encodeNetworkTable(front, 5)).toString('hex'), WEB_ON_FRONT);
});

test('names that no query can spell are left out, also the network’s own', (t) => {
  const rows = { networks: [network('odd net')], services: [service('odd name', {})] };
  const names = buildNames(view({ ...rows, services: [service('odd name', { 'odd net': '10.0.1.2' })] }));
  const odd = names.network(networkId('id-odd net'));
  const table = odd && Buffer.from(encodeNetworkTable(odd, 5));
  t.is(table?.readUInt32LE(20), 0);
  t.false(table?.toString('latin1').includes('odd name\0'));
});
