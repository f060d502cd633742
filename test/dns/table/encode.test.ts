/** The form of tables is pinned: an engine of another build may have to read them. */
import test from 'ava';
import { TABLE_VERSION, buildNames, encodeNetworkTable } from '../../../src/dns/index.ts';
import { network, networkId, service, view } from '../names/sample-view.ts';

/** A change here needs another `TABLE_VERSION`, in `native/dns/answer/table.h` as well. */
const WEB_ON_FRONT =
  '014844549c000000080000000000000005000000580000000000000000000000000000000000000022e253cc' +
  '780000000000000000000000049ac32760000000000000000000000000000000000000000000000000000000' +
  '060566726f6e74000400010003776562010006000100000004000a000102000005000100000a000102000000' +
  '0c000d00010000000b00037765620546726f6e7400000000';

test('the table of a network with one service', (t) => {
  const rows = { networks: [network('Front')], services: [service('web', { Front: '10.0.1.2' })] };
  const names = buildNames(view(rows));
  const front = names.network(networkId('id-Front'));
  t.is(TABLE_VERSION, 1);
  t.is(front && Buffer.from(encodeNetworkTable(front, 5)).toString('hex'), WEB_ON_FRONT);
});

test('names that no query can spell are left out, also that of the network', (t) => {
  const services = [service('odd name', { 'odd net': '10.0.1.2' })];
  const names = buildNames(view({ networks: [network('odd net')], services }));
  const odd = names.network(networkId('id-odd net'));
  const table = odd && Buffer.from(encodeNetworkTable(odd, 5));
  t.is(table?.readUInt32LE(20), 0);
  const entries = [...Array(8).keys()].filter((slot) => table?.readUInt32LE(28 + 8 * slot) !== 0);
  t.is(entries.length, 1, 'its address alone can be asked for');
});
