import test from 'ava';
import {
  ReadBarriers,
  type ReadAsker,
} from '../../../../src/cluster/consensus/callers/read-barriers.ts';
import { DRIVER_LIMITS, type DriverLimits } from '../../../../src/cluster/consensus/index.ts';
import { ClusterError } from '../../../../src/cluster/errors.ts';
import type { LogIndex, ReadId, ReadOutcome } from '../../../../src/raft/index.ts';

class Asker implements ReadAsker {
  readonly asked: ReadId[] = [];
  isBusy = false;

  readIndex(id: ReadId): ReadOutcome {
    if (this.isBusy) return { kind: 'refused', reason: 'busy' };
    this.asked.push(id);
    return { kind: 'queued' };
  }
}

class Stage {
  readonly core = new Asker();
  readonly barriers: ReadBarriers;
  readonly ends: string[] = [];

  constructor(limits: Partial<DriverLimits> = {}) {
    this.barriers = new ReadBarriers({ ...DRIVER_LIMITS, ...limits });
  }

  add(name: string, nowMs = 0): void {
    this.barriers.add(nowMs).then(
      () => this.ends.push(name),
      (error: unknown) =>
        this.ends.push(`${name} ${error instanceof ClusterError ? error.detail.code : '?'}`),
    );
  }

  flush(nowMs = 0): ReadId {
    this.barriers.flush(this.core, nowMs);
    return this.core.asked.at(-1) ?? (0 as ReadId);
  }

  async heard(): Promise<string[]> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.ends;
  }
}

const at = (index: number): LogIndex => index as LogIndex;

test('reads that come together share a question, and wait until its index is applied', async (t) => {
  const stage = new Stage();
  stage.add('a');
  stage.add('b');
  stage.barriers.confirm(stage.flush(), at(7));
  t.is(stage.core.asked.length, 1);
  stage.barriers.resolveThrough(at(6));
  t.deepEqual(await stage.heard(), []);
  stage.barriers.resolveThrough(at(7));
  t.deepEqual(await stage.heard(), ['a', 'b']);
});

test('a read that comes after a question was asked is not answered by it', async (t) => {
  const stage = new Stage();
  stage.add('a');
  const first = stage.flush();
  stage.add('b');
  stage.barriers.confirm(first, at(1));
  stage.barriers.resolveThrough(at(1));
  t.deepEqual(await stage.heard(), ['a']);
});

test('few questions are open at a time; others gather', (t) => {
  const stage = new Stage();
  for (let asked = 0; asked < 10; asked += 1) {
    stage.add(`r${asked}`);
    stage.flush();
  }
  t.is(stage.core.asked.length, 4);
});

test('a question that got lost is asked again, and its late answer is nothing', async (t) => {
  const stage = new Stage();
  stage.add('a');
  const lost = stage.flush();
  stage.barriers.lose(lost);
  const again = stage.flush();
  t.not(again, lost);
  stage.barriers.confirm(lost, at(1));
  stage.barriers.resolveThrough(at(9));
  t.deepEqual(await stage.heard(), []);
  stage.barriers.confirm(again, at(9));
  stage.barriers.resolveThrough(at(9));
  t.deepEqual(await stage.heard(), ['a']);
});

test('silence is taken for loss, and a deadline ends it', async (t) => {
  const stage = new Stage();
  stage.add('a');
  stage.flush(0);
  stage.barriers.tick(DRIVER_LIMITS.retryMs);
  stage.flush(DRIVER_LIMITS.retryMs);
  t.is(stage.core.asked.length, 2);
  stage.add('b', 100);
  stage.barriers.tick(DRIVER_LIMITS.readMs);
  t.deepEqual(await stage.heard(), ['a timeout']);
});

test('a read whose index is never applied ends too', async (t) => {
  const stage = new Stage();
  stage.add('a');
  stage.barriers.confirm(stage.flush(), at(9));
  stage.barriers.tick(DRIVER_LIMITS.readMs);
  t.deepEqual(await stage.heard(), ['a timeout']);
});

test('above its bound reads are busy; a busy core is asked again', async (t) => {
  const stage = new Stage({ readsMax: 1 });
  stage.core.isBusy = true;
  stage.add('a');
  stage.add('b');
  stage.flush();
  t.deepEqual(await stage.heard(), ['b busy']);
  stage.core.isBusy = false;
  stage.barriers.confirm(stage.flush(), at(1));
  stage.barriers.resolveThrough(at(1));
  stage.add('c');
  t.deepEqual(await stage.heard(), ['b busy', 'a']);
});
