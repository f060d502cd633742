import test from 'ava';
import type { AuthorityRotation, Cluster, NodeId, NodeTls } from '../../../src/model/index.ts';
import type { Store } from '../../../src/store/index.ts';
import { type AuthorityChange, type Command } from '../../../src/store/index.ts';
import { applyAll, clusterStore, nodeRegister, refusalOf } from '../cluster-fixture.ts';
import { restored, snapshotOf } from '../snapshot/snapshots.ts';

const NEXT: AuthorityRotation = {
  certificatePem: 'next certificate',
  keyPem: 'next key',
  crossPem: 'cross',
  digest: 'next',
  joinSecrets: { worker: 'w2', manager: 'm2' },
};
const ROTATE: AuthorityChange = { kind: 'rotate', rotation: NEXT, forceRotate: 1 };

function clusterIn(store: Store): Cluster {
  if (store.cluster === undefined) throw new Error('no cluster');
  return store.cluster;
}

function update(
  store: Store,
  parts: Partial<Extract<Command, { type: 'cluster.update' }>> = {},
): Command {
  const { meta, spec } = clusterIn(store);
  return {
    type: 'cluster.update',
    atMs: 5,
    version: meta.revision,
    spec,
    joinSecrets: {},
    ...parts,
  };
}

/** Node `number` says of what root its certificate is, and which it trusts. */
function says(number: number, issuer: string, ...trust: string[]): Command {
  const register = nodeRegister(number) as Extract<Command, { type: 'node.register' }>;
  const tls: NodeTls = { issuer, trust, leaf: `leaf${number}` };
  return { ...register, description: { ...register.description, tls } };
}

const down = (number: number): Command => ({
  type: 'node.state',
  atMs: 6,
  id: `n${number}` as NodeId,
  state: 'down',
  message: '',
});
const remove = (number: number): Command => ({
  type: 'node.remove',
  atMs: 7,
  id: `n${number}` as NodeId,
  isForced: true,
});

function rotating(nodes: number): Store {
  const store = clusterStore(nodes);
  applyAll(store, update(store, { authority: ROTATE }));
  return store;
}

const isRotating = (store: Store): boolean => clusterIn(store).caRotation !== undefined;

test('a rotation leaves root and tokens as they are until the last node has moved', (t) => {
  const store = rotating(2);
  applyAll(store, says(1, 'next', 'old', 'next'));
  t.like(clusterIn(store), {
    caCertificatePem: 'certificate',
    caKeyPem: 'key',
    caRotation: NEXT,
    caForceRotate: 1,
    joinSecrets: { worker: 'w', manager: 'm' },
  });
  applyAll(store, says(2, 'next', 'next'));
  const cluster = clusterIn(store);
  t.is(cluster.caRotation, undefined);
  t.false('caRotation' in cluster);
  t.like(cluster, {
    caCertificatePem: 'next certificate',
    caKeyPem: 'next key',
    caCrossPem: 'cross',
    caForceRotate: 1,
    joinSecrets: { worker: 'w2', manager: 'm2' },
  });
  t.is(cluster.meta.revision, store.revision);
  t.is(snapshotOf(restored(snapshotOf(store))), snapshotOf(store));
});

const UNMOVED: readonly { name: string; command: Command }[] = [
  { name: 'says nothing of its certificate', command: nodeRegister(2) },
  { name: 'has a certificate of the old root', command: says(2, 'old', 'old', 'next') },
  { name: 'does not trust the new root', command: says(2, 'next', 'old') },
  { name: 'is of a third root', command: says(2, 'third', 'third') },
];

for (const { name, command } of UNMOVED) {
  test(`a rotation waits for a node that ${name}`, (t) => {
    const store = rotating(2);
    applyAll(store, says(1, 'next', 'next'), command);
    t.true(isRotating(store));
  });
}

test('a rotation does not wait for nodes that are down or gone', (t) => {
  for (const command of [down(2), remove(2)]) {
    const store = rotating(2);
    applyAll(store, says(1, 'next', 'next'));
    t.true(isRotating(store));
    applyAll(store, command);
    t.false(isRotating(store));
  }
});

test('a rotation is not over because every node is down', (t) => {
  const store = rotating(1);
  applyAll(store, down(1));
  t.true(isRotating(store));
  applyAll(store, says(1, 'next', 'next'));
  t.false(isRotating(store));
});

test('what nodes say without a rotation changes no root', (t) => {
  const store = clusterStore(1);
  const before = clusterIn(store);
  applyAll(store, says(1, 'next', 'next'));
  t.is(clusterIn(store), before);
});

test('another rotation takes the place of one that is going on', (t) => {
  const store = rotating(2);
  applyAll(store, says(1, 'next', 'next'));
  const third = { ...NEXT, digest: 'third', certificatePem: 'third certificate' };
  const authority: AuthorityChange = { kind: 'rotate', rotation: third, forceRotate: 2 };
  applyAll(store, update(store, { authority }), says(2, 'next', 'next'));
  t.true(isRotating(store));
  applyAll(store, says(1, 'third', 'third'), says(2, 'third', 'third'));
  t.is(clusterIn(store).caCertificatePem, 'third certificate');
});

test('a new key for the present root calls a rotation off', (t) => {
  const store = rotating(1);
  const authority: AuthorityChange = {
    kind: 'rekey',
    of: 'present',
    keyPem: 'again',
    forceRotate: 1,
  };
  applyAll(store, update(store, { authority }), says(1, 'next', 'next'));
  t.false(isRotating(store));
  t.like(clusterIn(store), { caCertificatePem: 'certificate', caKeyPem: 'again' });
});

test('the next root may change its key, if there is one', (t) => {
  const authority: AuthorityChange = { kind: 'rekey', of: 'next', keyPem: '', forceRotate: 1 };
  const store = rotating(2);
  applyAll(store, update(store, { authority }));
  t.deepEqual(clusterIn(store).caRotation, { ...NEXT, keyPem: '' });
  const steady = clusterStore(1);
  const before = snapshotOf(steady);
  t.is(refusalOf(steady.apply(update(steady, { authority }))), 'invalid');
  t.is(snapshotOf(steady), before);
});

test('managers are locked with a key, which goes when they no longer are', (t) => {
  const store = clusterStore(1);
  const { spec } = clusterIn(store);
  const locking = { ...spec, EncryptionConfig: { AutoLockManagers: true } };
  t.is(refusalOf(store.apply(update(store, { spec: locking }))), 'invalid');
  applyAll(store, update(store, { spec: locking, unlockKey: 'k1' }));
  t.is(clusterIn(store).unlockKey, 'k1');
  applyAll(store, update(store));
  t.is(clusterIn(store).unlockKey, 'k1');
  applyAll(store, update(store, { unlockKey: 'k2' }));
  t.is(clusterIn(store).unlockKey, 'k2');
  applyAll(store, update(store, { spec, unlockKey: 'k3' }));
  t.false('unlockKey' in clusterIn(store));
});

test('an update of an older version changes no root either', (t) => {
  const store = clusterStore(1);
  const stale = update(store, { authority: ROTATE });
  applyAll(store, update(store));
  t.is(refusalOf(store.apply(stale)), 'out-of-sequence');
  t.false(isRotating(store));
});
