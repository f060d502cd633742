import test from 'ava';
import { SeededRng, randomBelow } from '../../../src/base/index.ts';
import { checkLinearizable, type Model, type Operation } from './linearizable.ts';

/** A register that is written and read; `compare` writes when the old value is as expected. */
type RegisterOp =
  | { readonly kind: 'write'; readonly value: number }
  | { readonly kind: 'read'; readonly value: number }
  | {
      readonly kind: 'compare';
      readonly old: number;
      readonly value: number;
      readonly ok: boolean;
    };

const REGISTER: Model<number, RegisterOp> = {
  initial: 0,
  textOf: String,
  step(state, op) {
    if (op.kind === 'write') return op.value;
    if (op.kind === 'read') return op.value === state ? state : undefined;
    if ((state === op.old) !== op.ok) return undefined;
    return op.ok ? op.value : state;
  },
};

const write = (value: number): RegisterOp => ({ kind: 'write', value });
const read = (value: number): RegisterOp => ({ kind: 'read', value });
const over = (op: RegisterOp, calledAt: number, returnedAt?: number): Operation<RegisterOp> => ({
  op,
  calledAt,
  returnedAt,
});

const CASES = [
  { name: 'nothing', history: [], verdict: 'linearizable' },
  {
    name: 'a read after a write sees it',
    history: [over(write(1), 1, 2), over(read(1), 3, 4)],
    verdict: 'linearizable',
  },
  {
    name: 'a read after a write sees what was before: stale',
    history: [over(write(1), 1, 2), over(read(0), 3, 4)],
    verdict: 'impossible',
  },
  {
    name: 'a read beside a write sees either',
    history: [over(write(1), 1, 6), over(read(0), 2, 3), over(read(1), 4, 5)],
    verdict: 'linearizable',
  },
  {
    name: 'two reads beside a write see it come and go',
    history: [over(write(1), 1, 6), over(read(1), 2, 3), over(read(0), 4, 5)],
    verdict: 'impossible',
  },
  {
    name: 'an unanswered write takes effect late',
    history: [over(write(1), 1), over(read(0), 2, 3), over(read(1), 4, 5)],
    verdict: 'linearizable',
  },
  {
    name: 'an unanswered write never takes effect',
    history: [over(write(1), 1), over(read(0), 2, 3)],
    verdict: 'linearizable',
  },
  {
    name: 'an unanswered write takes effect twice',
    history: [over(write(1), 1), over(read(1), 2, 3), over(write(2), 4, 5), over(read(1), 6, 7)],
    verdict: 'impossible',
  },
  {
    name: 'an acknowledged write is lost',
    history: [over(write(1), 1, 2), over(write(2), 3, 4), over(read(1), 5, 6)],
    verdict: 'impossible',
  },
  {
    name: 'two compare-and-sets from the same value both succeed',
    history: [
      over({ kind: 'compare', old: 0, value: 1, ok: true }, 1, 3),
      over({ kind: 'compare', old: 0, value: 2, ok: true }, 2, 4),
    ],
    verdict: 'impossible',
  },
] as const;

for (const { name, history, verdict } of CASES)
  test(`linearizable or not: ${name}`, (t) => {
    t.is(checkLinearizable(REGISTER, history), verdict);
  });

test('agrees with trying every order, on small random histories', (t) => {
  const counts = { linearizable: 0, impossible: 0, undecided: 0 };
  for (let seed = 1; seed <= 600; seed += 1) {
    const history = randomHistory(new SeededRng(seed));
    const verdict = checkLinearizable(REGISTER, history);
    t.is(verdict, isExplained(history, REGISTER.initial) ? 'linearizable' : 'impossible');
    counts[verdict] += 1;
  }
  t.log(counts);
  t.true(counts.linearizable > 50 && counts.impossible > 50);
});

test('a long history with little at once takes little', (t) => {
  const history: Operation<RegisterOp>[] = [];
  for (let at = 0; at < 3_000; at += 3)
    history.push(over(write(at), at, at + 4), over(read(at), at + 1, at + 5));
  t.is(checkLinearizable(REGISTER, history), 'linearizable');
});

function randomHistory(rng: SeededRng): Operation<RegisterOp>[] {
  const ends = Array.from({ length: 6 }, () => {
    const calledAt = randomBelow(rng, 12);
    return { calledAt, returnedAt: calledAt + 1 + randomBelow(rng, 6) };
  });
  return ends.map(({ calledAt, returnedAt }) => {
    const value = randomBelow(rng, 3);
    const op = randomBelow(rng, 2) === 0 ? write(value) : read(value);
    const isOpen = op.kind === 'write' && randomBelow(rng, 4) === 0;
    return over(op, calledAt, isOpen ? undefined : returnedAt);
  });
}

/** Tries everything that may come first, and then the rest. */
function isExplained(history: readonly Operation<RegisterOp>[], state: number): boolean {
  if (history.every(({ returnedAt }) => returnedAt === undefined)) return true;
  return history.some((first) => {
    const rest = history.filter((other) => other !== first);
    if (rest.some(({ returnedAt = Infinity }) => returnedAt < first.calledAt)) return false;
    const after = REGISTER.step(state, first.op);
    return after !== undefined && isExplained(rest, after);
  });
}
