/** Random steps against the plainest model there is, and raft's own log in memory beside it. */
import test from 'ava';
import * as fc from 'fast-check';
import { SeededRng, randomBelow, type Rng } from '../../../src/base/index.ts';
import { RaftStorage } from '../../../src/cluster/log/index.ts';
import { MemoryLog, type LogIndex } from '../../../src/raft/index.ts';
import { CrashingDisk } from './crashing-disk.ts';
import {
  MEMBERS,
  createStorage,
  entries,
  hardStateOf,
  metaOf,
  storageOptions,
  testSeal,
  textOf,
  writeOf,
} from './fixture.ts';
import {
  EMPTY,
  after,
  assertSame,
  isSame,
  lastIndex,
  take,
  termAt,
  type Model,
  type Step,
} from './model.ts';

interface Turn {
  readonly model: Model;
  readonly term: number;
  readonly commit: LogIndex;
}

function randomStep(rng: Rng, { model, term, commit }: Turn): Step {
  const roll = randomBelow(rng, 10);
  const last = lastIndex(model);
  if (roll === 0) {
    const meta = metaOf(last + randomBelow(rng, 3), term + 1);
    const hardState = hardStateOf(term + 1);
    const write = writeOf({ snapshot: meta, hardState, commit: meta.index });
    return { kind: 'write', write, state: `theirs at ${meta.index}`.padEnd(700, '!') };
  }
  if (roll <= 2 && commit > model.snapshot.meta.index) {
    const meta = metaOf(commit, termAt(model, commit));
    const keepOld = randomBelow(rng, 2);
    return { kind: 'save', meta, state: `own at ${commit}`, keepOld, slow: randomBelow(rng, 9) };
  }
  if (roll === 3)
    return { kind: 'write', write: writeOf({ hardState: hardStateOf(term, 'b:1'), commit }) };
  const first = commit + 1 + randomBelow(rng, last - commit + 1);
  const count = 1 + randomBelow(rng, 5);
  const added = entries([first, count], term, randomBelow(rng, 900));
  return { kind: 'write', write: writeOf({ entries: added, commit }) };
}

/** The newest term, and what may no longer be replaced. */
function nextTurn(rng: Rng, turn: Turn, model: Model): Turn {
  const term = Math.max(turn.term + randomBelow(rng, 2), model.snapshot.meta.term);
  const last = lastIndex(model);
  const least = Math.max(turn.commit, model.snapshot.meta.index);
  return { model, term, commit: (least + randomBelow(rng, last - least + 1)) as LogIndex };
}

function mirror(memory: MemoryLog, step: Step): void {
  if (step.kind === 'save') {
    memory.noteSnapshot(step.meta);
    return;
  }
  if (step.write.snapshot !== undefined) memory.install(step.write.snapshot);
  memory.append(step.write.entries);
}

for (const seal of [undefined, testSeal('key')]) {
  const changes = seal === undefined ? {} : { seal };
  const kind = seal === undefined ? 'plain' : 'sealed';
  test(`random steps leave what the model holds, before and after restarts (${kind})`, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const rng = new SeededRng(seed);
        const options = storageOptions('/log', { ...changes, disk: new CrashingDisk() });
        let storage = await createStorage(options);
        const memory = MemoryLog.empty(MEMBERS);
        let turn: Turn = { model: EMPTY, term: 1, commit: 0 as LogIndex };
        for (let round = 0; round < 30; round += 1) {
          const step = randomStep(rng, turn);
          await take(storage, step);
          mirror(memory, step);
          turn = nextTurn(rng, turn, after(turn.model, step));
          if (randomBelow(rng, 6) === 0) {
            await storage.close();
            const opened = await RaftStorage.open(options);
            assertSame(t, opened, turn.model);
            storage = opened.storage;
          }
          sameReads(t, storage, memory);
        }
        await storage.close();
      }),
      { numRuns: 60, includeErrorInReport: true },
    );
  });
}

test('a stop at a random call of random steps loses nothing that was acknowledged', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const rng = new SeededRng(seed);
      let disk = new CrashingDisk();
      let storage = await createStorage(storageOptions('/log', { disk }));
      let turn: Turn = { model: EMPTY, term: 1, commit: 0 as LogIndex };
      for (let life = 0; life < 5; life += 1) {
        disk.callsLeft = randomBelow(rng, 60);
        let next = turn.model;
        for (let round = 0; round < 30; round += 1) {
          const step = randomStep(rng, turn);
          next = after(turn.model, step);
          const [result] = await Promise.allSettled([take(storage, step)]);
          if (result.status === 'rejected') break;
          turn = nextTurn(rng, turn, next);
        }
        disk = disk.afterCrash(rng);
        const opened = await RaftStorage.open(storageOptions('/log', { disk }));
        if (isSame(opened, next)) turn = nextTurn(rng, turn, next);
        else assertSame(t, opened, turn.model);
        storage = opened.storage;
      }
    }),
    { numRuns: 100, includeErrorInReport: true },
  );
});

/** Both logs give the same, wherever this one has not forgotten it. */
function sameReads(
  t: { deepEqual: (actual: unknown, expected: unknown, message?: string) => boolean },
  { log }: RaftStorage,
  memory: MemoryLog,
): void {
  t.deepEqual(log.snapshot, memory.snapshot);
  t.deepEqual(log.lastIndex, memory.lastIndex);
  for (let index = log.firstIndex - 1; index <= log.lastIndex + 1; index += 1) {
    if (index < memory.firstIndex - 1) continue;
    t.deepEqual(log.term(index as LogIndex), memory.term(index as LogIndex), `term at ${index}`);
    if (index < log.firstIndex || index > log.lastIndex) continue;
    const range = [index as LogIndex, (log.lastIndex + 1) as LogIndex, 1500] as const;
    const expected = memory.entries(...range);
    if (expected === undefined) continue;
    t.deepEqual(log.entries(...range)?.map(textOf), expected.map(textOf), `entries at ${index}`);
  }
}
