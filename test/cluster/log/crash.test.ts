/**
 * A script with everything in it, stopped or failed at each single call on the disk: what was
 * acknowledged is there, and the step that was under way is there whole or not at all.
 */
import test from 'ava';
import { SeededRng } from '../../../src/base/index.ts';
import { ClusterError } from '../../../src/cluster/errors.ts';
import { RaftStorage, type Disk } from '../../../src/cluster/log/index.ts';
import type { LogIndex } from '../../../src/raft/index.ts';
import { CrashingDisk } from './crashing-disk.ts';
import { FailingDisk } from './failing-disk.ts';
import {
  MEMBERS,
  createStorage,
  entries,
  hardStateOf,
  metaOf,
  storageOptions,
  testSeal,
  writeOf,
} from './fixture.ts';
import { EMPTY, after, assertSame, isSame, take, type Step } from './model.ts';

const OTHER_MEMBERS = { voters: MEMBERS.voters.slice(1), learners: [] };

const SCRIPT: readonly Step[] = [
  { kind: 'write', write: writeOf({ hardState: hardStateOf(1, 'a:1') }) },
  { kind: 'write', write: writeOf({ entries: entries([1, 3], 1, 100) }) },
  { kind: 'write', write: writeOf({ entries: entries([4, 4], 1, 700) }) },
  { kind: 'write', write: writeOf({ entries: entries([8, 1], 1, 5000), commit: 6 as LogIndex }) },
  { kind: 'save', meta: metaOf(5, 1), state: 'own at 5', keepOld: 0, slow: 2 },
  {
    kind: 'write',
    write: writeOf({ entries: entries([7, 3], 2, 900), hardState: hardStateOf(2, 'b:1') }),
  },
  { kind: 'write', write: writeOf({ entries: entries([10, 4], 2, 900), commit: 12 as LogIndex }) },
  { kind: 'save', meta: metaOf(12, 2), state: 'own at 12', keepOld: 1, slow: 0 },
  { kind: 'write', write: writeOf({ entries: entries([14, 3], 2, 50) }) },
  {
    kind: 'write',
    write: writeOf({
      snapshot: { ...metaOf(15, 4), membership: OTHER_MEMBERS },
      hardState: hardStateOf(4),
      entries: entries([16, 2], 4, 80),
      commit: 15 as LogIndex,
    }),
    state: 'theirs at 15'.padEnd(3000, '.'),
  },
  { kind: 'write', write: writeOf({ entries: entries([18, 5], 4, 900) }) },
  { kind: 'write', write: writeOf({ entries: entries([20, 2], 5, 900) }) },
  { kind: 'save', meta: metaOf(20, 5), state: 'own at 20', keepOld: 0, slow: 0 },
  { kind: 'write', write: writeOf({ entries: entries([22, 4], 5, 900) }) },
  // By force: at the last entry, with other members.
  {
    kind: 'write',
    write: writeOf({ snapshot: metaOf(25, 5), hardState: hardStateOf(6), commit: 25 as LogIndex }),
    state: 'forced at 25',
  },
  { kind: 'write', write: writeOf({ entries: entries([26, 5], 6, 900), commit: 30 as LogIndex }) },
];

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

for (const seal of [undefined, testSeal('key')]) {
  const changes = seal === undefined ? {} : { seal };
  const kind = seal === undefined ? 'plain' : 'sealed';

  test(`the machine stops at each call: nothing acknowledged is lost (${kind})`, async (t) => {
    const calls = await countCalls(() => new CrashingDisk(), changes);
    t.true(calls > 100);
    for (let stopAt = 0; stopAt <= calls; stopAt += 1) {
      const disk = new CrashingDisk();
      const storage = await createStorage(storageOptions('/log', { ...changes, disk }));
      disk.callsLeft = stopAt;
      const models = [EMPTY];
      let acknowledged = 0;
      for (const step of SCRIPT) {
        models.push(after(models[acknowledged] ?? EMPTY, step));
        const [result] = await Promise.allSettled([take(storage, step)]);
        if (result.status === 'rejected') break;
        acknowledged += 1;
      }
      for (const seed of SEEDS) {
        const survivor = disk.afterCrash(new SeededRng(seed * 1000 + stopAt));
        const options = storageOptions('/log', { ...changes, disk: survivor });
        const opened = await RaftStorage.open(options);
        const found = models.slice(acknowledged).find((model) => isSame(opened, model));
        if (found === undefined) assertSame(t, opened, models[acknowledged] ?? EMPTY);
        await goesOn(opened.storage, options);
        await opened.storage.close();
      }
    }
  });

  test(`each call fails once: the step fails whole and succeeds when retried (${kind})`, async (t) => {
    const calls = await countCalls(() => new FailingDisk(), changes);
    for (let failAt = 0; failAt < calls; failAt += 1) {
      const disk = new FailingDisk();
      const options = storageOptions('/log', { ...changes, disk });
      const storage = await createStorage(options);
      disk.callsLeft = failAt;
      let model = EMPTY;
      for (const step of SCRIPT) {
        const [result] = await Promise.allSettled([take(storage, step)]);
        if (result.status === 'rejected') {
          t.true(result.reason instanceof ClusterError, String(result.reason));
          await take(storage, step);
        }
        model = after(model, step);
      }
      await storage.close();
      const opened = await RaftStorage.open(options);
      assertSame(t, opened, model);
      await opened.storage.close();
    }
  });
}

/** Calls on the disk that the script makes after the log's beginning. */
async function countCalls(
  make: () => Disk & { callsLeft: number },
  changes: object,
): Promise<number> {
  const disk = make();
  const storage = await createStorage(storageOptions('/log', { ...changes, disk }));
  disk.callsLeft = 1e6;
  for (const step of SCRIPT) await take(storage, step);
  await storage.close();
  return 1e6 - disk.callsLeft;
}

/** A log that was found takes writes, and holds them afterwards. */
async function goesOn(
  storage: RaftStorage,
  options: Parameters<typeof RaftStorage.open>[0],
): Promise<void> {
  const { lastIndex } = storage.log;
  const term = 9;
  await storage.write(writeOf({ entries: entries([lastIndex + 1, 2], term, 900) }));
  const again = await RaftStorage.open(options);
  if (again.storage.log.lastIndex !== lastIndex + 2)
    throw new Error('a write after a crash is lost');
  await again.storage.close();
}
