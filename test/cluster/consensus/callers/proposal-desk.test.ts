import test from 'ava';
import { SeededRng } from '../../../../src/base/index.ts';
import {
  ProposalDesk,
  type ProposalTaker,
} from '../../../../src/cluster/consensus/callers/proposal-desk.ts';
import { DRIVER_LIMITS, type DriverLimits } from '../../../../src/cluster/consensus/index.ts';
import { ClusterError } from '../../../../src/cluster/errors.ts';
import { SESSION_LIMITS } from '../../../../src/raft/index.ts';
import type {
  Command,
  LogIndex,
  ProposalOutcome,
  ProposalRefusalReason,
  Term,
} from '../../../../src/raft/index.ts';

/** A core that takes everything, or refuses everything. */
class Taker implements ProposalTaker {
  readonly taken: Command[] = [];
  readonly batches: number[] = [];
  reason: ProposalRefusalReason | undefined;

  propose(commands: readonly Command[]): ProposalOutcome {
    if (this.reason !== undefined) return { kind: 'refused', reason: this.reason };
    this.taken.push(...commands);
    this.batches.push(commands.length);
    return { kind: 'appended', index: 1 as LogIndex, term: 1 as Term };
  }

  get sequences(): number[] {
    return this.taken.map(({ session }) => session.sequence);
  }
}

const DATA = Buffer.from('x');

class Stage {
  readonly core = new Taker();
  readonly desk: ProposalDesk<string>;
  /** What became of each command, by the order in which they came. */
  readonly ends: (string | undefined)[] = [];
  applied = 0 as LogIndex;

  constructor(limits: Partial<DriverLimits> = {}) {
    const rng = new SeededRng(1);
    this.desk = new ProposalDesk({ rng, limits: { ...DRIVER_LIMITS, ...limits }, metrics: {} });
  }

  add(count: number, nowMs = 0, data = DATA): void {
    for (let made = 0; made < count; made += 1) {
      const at = this.ends.push(undefined) - 1;
      this.desk.add(data, nowMs).then(
        (outcome) => (this.ends[at] = outcome),
        (error: unknown) =>
          (this.ends[at] = error instanceof ClusterError ? error.detail.code : String(error)),
      );
    }
  }

  flush(nowMs = 0): void {
    this.desk.flush(this.core, { nowMs, applied: this.applied });
  }

  apply(sequence: number): void {
    const command = this.core.taken.find(({ session }) => session.sequence === sequence);
    if (command === undefined) throw new Error(`${sequence} was not proposed`);
    this.desk.settle(command.session, { kind: 'applied', outcome: `done ${sequence}` }, 1);
  }

  /** Once promises have been heard. */
  async heard(): Promise<(string | undefined)[]> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.ends;
  }
}

test('commands that wait are given to the core together, and settled one by one', async (t) => {
  const stage = new Stage();
  stage.add(3);
  stage.flush();
  t.deepEqual(stage.core.batches, [3]);
  stage.apply(2);
  t.deepEqual(await stage.heard(), [undefined, 'done 2', undefined]);
});

test('large and many commands go in several batches', (t) => {
  const stage = new Stage();
  stage.add(1500);
  stage.add(5, 0, Buffer.alloc(300 << 10));
  stage.flush();
  t.deepEqual(stage.core.batches, [1024, 478, 2, 1]);
});

test('every sequence is stamped once, with the lowest that is not answered as floor', (t) => {
  const stage = new Stage();
  stage.add(3);
  stage.flush();
  stage.apply(1);
  stage.add(1);
  stage.flush();
  const stamps = stage.core.taken.map(({ session }) => [session.sequence, session.floor]);
  t.deepEqual(stamps, [
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 2],
  ]);
});

test('a session begins anew when nothing is under way', (t) => {
  const stage = new Stage();
  stage.add(1);
  stage.flush();
  stage.applied = 50 as LogIndex;
  stage.add(1);
  stage.flush();
  stage.apply(1);
  stage.apply(2);
  stage.add(1);
  stage.flush();
  t.deepEqual(
    stage.core.taken.map(({ session }) => session.since as number),
    [0, 0, 50],
  );
});

test('what a core refuses waits, and keeps its stamp', (t) => {
  const stage = new Stage();
  stage.core.reason = 'transferring';
  stage.add(2);
  stage.flush();
  t.deepEqual(stage.core.taken, []);
  stage.core.reason = undefined;
  stage.flush();
  t.deepEqual(stage.core.sequences, [1, 2]);
});

test('a refusal from afar is tried again: at once from who does not lead, later from who is busy', (t) => {
  const stage = new Stage();
  stage.add(2);
  stage.flush();
  const [first, second] = stage.core.taken;
  if (first === undefined || second === undefined) throw new Error('two were proposed');
  stage.desk.refuse([
    { session: first.session, reason: 'not-leader' },
    { session: second.session, reason: 'busy' },
  ]);
  stage.flush(1);
  t.deepEqual(stage.core.sequences, [1, 2, 1]);
  stage.desk.tick(150);
  stage.flush(150);
  t.deepEqual(stage.core.sequences, [1, 2, 1, 2]);
});

test('what is silent for too long is tried again, under the same stamp', (t) => {
  const stage = new Stage();
  stage.add(1);
  stage.flush();
  stage.desk.tick(DRIVER_LIMITS.retryMs - 1);
  stage.flush();
  t.is(stage.core.taken.length, 1);
  stage.desk.tick(DRIVER_LIMITS.retryMs);
  stage.flush(DRIVER_LIMITS.retryMs);
  t.deepEqual(stage.core.taken[0], stage.core.taken[1]);
});

test('past its deadline a command that was tried is unknown, and one that was not is busy', async (t) => {
  const stage = new Stage();
  stage.add(1);
  stage.flush();
  stage.core.reason = 'busy';
  stage.add(1);
  stage.flush();
  stage.desk.tick(DRIVER_LIMITS.proposeMs);
  t.deepEqual(await stage.heard(), ['timeout', 'busy']);
  t.is(stage.desk.size, 0);
});

test('above its bounds the desk is busy, and it has room again when commands are settled', async (t) => {
  const stage = new Stage({ proposalsMax: 2, proposalBytesMax: 100 });
  stage.add(3);
  t.deepEqual(await stage.heard(), [undefined, undefined, 'busy']);
  stage.flush();
  stage.apply(1);
  stage.apply(2);
  stage.add(1, 0, Buffer.alloc(101));
  stage.add(1, 0, Buffer.alloc(100));
  t.deepEqual((await stage.heard()).slice(3), ['busy', undefined]);
});

test('no more sequences are open than the session table remembers', (t) => {
  const { outcomesPerClientMax } = SESSION_LIMITS;
  const stage = new Stage({ proposalsMax: 1e6 });
  stage.add(outcomesPerClientMax + 10);
  stage.flush();
  t.is(stage.core.taken.length, outcomesPerClientMax);
  for (let sequence = 2; sequence <= 100; sequence += 1) stage.apply(sequence);
  stage.flush();
  t.is(stage.core.taken.length, outcomesPerClientMax);
  stage.apply(1);
  stage.flush();
  t.is(stage.core.taken.length, outcomesPerClientMax + 10);
});

test('what was never taken is refused when nobody leads; what was may yet happen', async (t) => {
  const stage = new Stage();
  stage.add(1);
  stage.flush();
  stage.add(1);
  stage.desk.refuseUnsent(new ClusterError({ code: 'no-leader' }, 'nobody leads'));
  t.deepEqual(await stage.heard(), [undefined, 'no-leader']);
  stage.apply(1);
  t.is((await stage.heard())[0], 'done 1');
});

test('entries of other clients, and of commands that were given up, are nothing to the desk', async (t) => {
  const stage = new Stage();
  stage.add(1);
  stage.flush();
  const [command] = stage.core.taken;
  if (command === undefined) throw new Error('one was proposed');
  stage.desk.settle({ client: 'other' as never, sequence: 1 }, { kind: 'unknown' }, 1);
  t.deepEqual(await stage.heard(), [undefined]);
  stage.desk.tick(DRIVER_LIMITS.proposeMs);
  stage.desk.settle(command.session, { kind: 'applied', outcome: 'late' }, 1);
  t.deepEqual(await stage.heard(), ['timeout']);
});
