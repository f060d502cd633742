import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import * as fc from 'fast-check';
import { isClusterError } from '../../../src/cluster/index.ts';
import {
  createDataKey,
  createLogSeal,
  createUnlockKey,
  isLocked,
  loadMembership,
  parseUnlockKey,
  saveMembership,
  unlockMembership,
  withUnlockKey,
  type Membership,
} from '../../../src/cluster/identity/index.ts';
import { openKeys, sealKeys } from '../../../src/cluster/identity/sealing.ts';
import type { ClusterId, NodeId } from '../../../src/model/index.ts';

const KEYS = { keyPem: 'private', dataKeys: [createDataKey()] };

test('an unlock key is Swarm’s: SWMKEY-1- and 32 bytes in base64 without padding', (t) => {
  const keys = Array.from({ length: 100 }, createUnlockKey);
  t.is(new Set(keys).size, 100);
  for (const key of keys) {
    t.regex(key, /^SWMKEY-1-[A-Za-z0-9+/]{43}$/);
    t.is(parseUnlockKey(key).length, 32);
  }
});

test('what is no unlock key is a coded error', (t) => {
  const key = createUnlockKey();
  const cases = [
    '',
    key.slice(0, -1),
    `${key}=`,
    key.replace('-1-', '-2-'),
    `${key}A`,
    'SWMKEY-1-',
  ];
  for (const text of cases) {
    const error = t.throws(() => parseUnlockKey(text), undefined, text);
    t.true(isClusterError(error, 'invalid-unlock-key'));
  }
});

test('sealed keys open with the key and for the owner they were sealed for', (t) => {
  const key = createUnlockKey();
  const sealed = sealKeys(KEYS, key, 'cluster/node');
  t.deepEqual(openKeys(sealed, key, 'cluster/node'), KEYS);
  t.false(JSON.stringify(sealed).includes('private'));
  const wrong = [
    () => openKeys(sealed, createUnlockKey(), 'cluster/node'),
    () => openKeys(sealed, key, 'cluster/other'),
    () => openKeys({ ...sealed, nonce: 'AAAA' }, key, 'cluster/node'),
    () => openKeys({ ...sealed, bytes: '' }, key, 'cluster/node'),
  ];
  for (const attempt of wrong) t.true(isClusterError(t.throws(attempt), 'invalid-unlock-key'));
});

test('a record opens to what was sealed, and is longer by the overhead', (t) => {
  const seal = createLogSeal([createDataKey()]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
      const sealed = seal.seal(bytes);
      t.is(sealed.length, bytes.length + seal.overheadBytes);
      t.deepEqual(seal.open(sealed), Buffer.from(bytes));
    }),
  );
});

test('a record that was changed in any bit, cut or invented does not open', (t) => {
  const seal = createLogSeal([createDataKey()]);
  const sealed = seal.seal(Buffer.from('a record of the log'));
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const changed = Buffer.from(sealed);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    t.is(seal.open(changed), undefined, `bit ${bit}`);
  }
  for (let length = 0; length < sealed.length; length += 1)
    t.is(seal.open(sealed.subarray(0, length)), undefined, `length ${length}`);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      t.is(seal.open(bytes), undefined);
    }),
  );
});

test('nonces never repeat, within a process and between them', (t) => {
  const key = createDataKey();
  const seen = new Set<string>();
  for (let process = 0; process < 50; process += 1) {
    const seal = createLogSeal([key]);
    for (let record = 0; record < 50; record += 1)
      seen.add(seal.seal(Buffer.alloc(1)).subarray(4, 16).toString('hex'));
  }
  t.is(seen.size, 2_500);
});

test('records of older keys open, and new ones are sealed with the newest', (t) => {
  const [older, newer] = [createDataKey(), createDataKey()];
  const before = createLogSeal([older]).seal(Buffer.from('before'));
  const seal = createLogSeal([newer, older]);
  t.deepEqual(seal.open(before), Buffer.from('before'));
  const after = seal.seal(Buffer.from('after'));
  t.is(createLogSeal([older]).open(after), undefined);
  t.deepEqual(createLogSeal([newer]).open(after), Buffer.from('after'));
});

test('a seal changes its keys while it is in use', (t) => {
  const [older, newer] = [createDataKey(), createDataKey()];
  const seal = createLogSeal([older]);
  const before = seal.seal(Buffer.from('before'));
  seal.use([newer, older]);
  const after = seal.seal(Buffer.from('after'));
  t.deepEqual(
    [before, after].map((record) => seal.open(record)?.toString()),
    ['before', 'after'],
  );
  t.is(createLogSeal([older]).open(after), undefined);
  t.throws(() => seal.use([]), { instanceOf: RangeError });
  t.deepEqual(seal.open(after), Buffer.from('after'));
});

test('a data key that lay open, or behind a key that was given up, seals nothing more', (t) => {
  const [first, second] = [createUnlockKey(), createUnlockKey()];
  const locked = withUnlockKey(MEMBERSHIP, first);
  t.is(withUnlockKey(locked, first), locked);
  t.is(locked.dataKeys?.length, 2);
  t.is(locked.dataKeys?.[1], KEYS.dataKeys[0]);
  const again = withUnlockKey(locked, second);
  t.deepEqual(again.dataKeys?.slice(1), locked.dataKeys);
  const open = withUnlockKey(again, undefined);
  t.false('unlockKey' in open);
  t.deepEqual(open.dataKeys, again.dataKeys);
  let many = MEMBERSHIP;
  for (let each = 0; each < 20; each += 1) many = withUnlockKey(many, createUnlockKey());
  t.is(many.dataKeys?.length, 8);
  t.is(many.dataKeys?.at(-1), KEYS.dataKeys[0]);
});

test('a seal without a key, or with a short one, is a mistake', (t) => {
  t.throws(() => createLogSeal([]), { instanceOf: RangeError });
  t.throws(() => createLogSeal(['AAAA']), { instanceOf: RangeError });
});

const MEMBERSHIP: Membership = {
  clusterId: 'c' as ClusterId,
  nodeId: 'n' as NodeId,
  role: 'manager',
  authorityPem: 'root',
  certificatePem: 'chain',
  ...KEYS,
  advertiseAddress: '192.0.2.1:2377',
  listenAddress: '0.0.0.0:2377',
  dataPathAddress: undefined,
  managers: ['192.0.2.1:2377'],
};

test('a manager with an unlock key leaves no secret in its file, and gets all back', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-identity-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const read = (): Promise<string> => readFile(join(directory, 'member.json'), 'utf8');
  const [first, second] = [createUnlockKey(), createUnlockKey()];
  const dataKey = KEYS.dataKeys[0] ?? '';

  await saveMembership(directory, MEMBERSHIP);
  t.deepEqual(await loadMembership(directory), MEMBERSHIP);
  for (const unlockKey of [first, second]) {
    await saveMembership(directory, { ...MEMBERSHIP, unlockKey });
    const text = await read();
    for (const secret of [KEYS.keyPem, dataKey, unlockKey]) t.false(text.includes(secret));
  }
  const locked = await loadMembership(directory);
  if (locked === undefined || !isLocked(locked)) return t.fail();
  t.true(
    isClusterError(
      t.throws(() => unlockMembership(locked, first)),
      'invalid-unlock-key',
    ),
  );
  t.deepEqual(unlockMembership(locked, second), { ...MEMBERSHIP, unlockKey: second });
});

test('a worker is never locked', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-identity-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const worker: Membership = { ...MEMBERSHIP, role: 'worker', dataKeys: [] };
  await saveMembership(directory, { ...worker, unlockKey: createUnlockKey() });
  t.deepEqual(await loadMembership(directory), worker);
});

test('a file that is nothing, of a later version or half sealed is damaged', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-identity-'));
  t.teardown(() => rm(directory, { recursive: true }));
  await saveMembership(directory, MEMBERSHIP);
  const path = join(directory, 'member.json');
  const good = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  const keyless = { ...good, keyPem: undefined };
  for (const bad of ['', '{', '[]', { ...good, version: 3 }, keyless, { ...keyless, sealed: {} }]) {
    await writeFile(path, typeof bad === 'string' ? bad : JSON.stringify(bad));
    t.true(isClusterError(await t.throwsAsync(loadMembership(directory)), 'damaged'));
  }
});
