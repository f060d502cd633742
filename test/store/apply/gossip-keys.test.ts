import test from 'ava';
import type { GossipKeys } from '../../../src/model/index.ts';
import { Store, type Command } from '../../../src/store/index.ts';
import { applyAll, clusterStore, refusalOf } from '../cluster-fixture.ts';
import { restored, snapshotOf } from '../snapshot/snapshots.ts';

function keys(generation: number): Omit<GossipKeys, 'sinceMs'> {
  const secret = `secret ${generation}`;
  return { generation, keys: [{ id: 1, secret }], primary: 1, stage: 'settled' };
}

const take = (generation: number, atMs = 5): Command => ({
  type: 'cluster.gossip-keys',
  atMs,
  gossipKeys: keys(generation),
});

test('keys come one generation after the other, each with the time of its step', (t) => {
  const store = clusterStore();
  applyAll(store, take(1, 5), take(2, 9));
  t.deepEqual(store.cluster?.gossipKeys, { ...keys(2), sinceMs: 9 });
});

test('a step that was taken already, or before its time, is refused', (t) => {
  const store = clusterStore();
  t.is(refusalOf(store.apply(take(2))), 'out-of-sequence');
  applyAll(store, take(1));
  t.is(refusalOf(store.apply(take(1))), 'out-of-sequence');
  t.is(refusalOf(new Store().apply(take(1))), 'not-found');
});

test('who updates the cluster need not know of keys, and does not lose them', (t) => {
  const store = clusterStore();
  const { cluster } = store;
  if (cluster === undefined) return t.fail();
  applyAll(store, take(1));
  const { revision: version } = cluster.meta;
  const spec = { ...cluster.spec, Labels: { changed: 'yes' } };
  applyAll(store, { type: 'cluster.update', atMs: 6, version, spec, joinSecrets: {} });
  t.like(store.cluster, { spec, gossipKeys: keys(1) });
});

test('keys are part of a snapshot', (t) => {
  const store = clusterStore();
  applyAll(store, take(1));
  t.deepEqual(restored(snapshotOf(store)).cluster, store.cluster);
});
