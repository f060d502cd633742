import { testProp, fc } from '@fast-check/ava';
import test from 'ava';
import {
  SessionTable,
  type ClientId,
  type LogIndex,
  type SessionStamp,
} from '../../../src/raft/index.ts';

const index = (value: number): LogIndex => value as LogIndex;

function stamp(client: string, sequence: number, rest: { floor?: number; since?: number } = {}) {
  const { floor = 1, since = 0 } = rest;
  return { client: client as ClientId, sequence, floor, since: index(since) };
}

/** Applies commands as a state machine would; tells what became of each. */
class Machine {
  table: SessionTable<string>;
  applied = 0;

  constructor(table = new SessionTable<string>()) {
    this.table = table;
  }

  apply(command: SessionStamp): string {
    this.applied += 1;
    const check = this.table.check(command);
    if (check.kind === 'duplicate') return check.outcome;
    if (check.kind !== 'new') return check.kind;
    const outcome = `${command.client}${command.sequence} at ${this.applied}`;
    this.table.record(command, index(this.applied), outcome);
    return outcome;
  }
}

test('a command that is tried again has its first outcome', (t) => {
  const machine = new Machine();
  t.is(machine.apply(stamp('a', 1)), 'a1 at 1');
  t.is(machine.apply(stamp('a', 1)), 'a1 at 1');
  t.is(machine.apply(stamp('b', 1)), 'b1 at 3', 'another client counts for itself');
  t.is(machine.apply(stamp('a', 2)), 'a2 at 4');
});

test('an outcome that is undefined is an outcome', (t) => {
  const table = new SessionTable<undefined>();
  table.record(stamp('a', 1), index(1), undefined);
  t.deepEqual(table.check(stamp('a', 1)), { kind: 'duplicate', outcome: undefined });
});

test('commands of one client may come in any order', (t) => {
  const machine = new Machine();
  t.is(machine.apply(stamp('a', 3)), 'a3 at 1');
  t.is(machine.apply(stamp('a', 1)), 'a1 at 2');
  t.is(machine.apply(stamp('a', 3)), 'a3 at 1');
});

test('what is below the floor is neither known nor applied', (t) => {
  const machine = new Machine();
  machine.apply(stamp('a', 1));
  machine.apply(stamp('a', 2));
  machine.apply(stamp('a', 5, { floor: 3 }));
  t.is(machine.apply(stamp('a', 2)), 'expired');
  t.is(
    machine.apply(stamp('a', 3, { floor: 1 })),
    'a3 at 5',
    'a floor never goes back, but 3 is not below',
  );
});

test('a floor that leaps forgets what is below, and nothing else', (t) => {
  const machine = new Machine();
  for (const sequence of [1, 2, 1_000_000]) machine.apply(stamp('a', sequence));
  machine.apply(stamp('a', 1_000_001, { floor: 1_000_000 }));
  t.deepEqual(machine.table.snapshot().clients[0]?.outcomes, [
    [1_000_000, 'a1000000 at 3'],
    [1_000_001, 'a1000001 at 4'],
  ]);
});

test('a client may not have more under way than its bound; its floor makes room', (t) => {
  const machine = new Machine(new SessionTable({ clientsMax: 5, outcomesPerClientMax: 2 }));
  machine.apply(stamp('a', 1));
  machine.apply(stamp('a', 2));
  t.is(machine.apply(stamp('a', 3)), 'too-many');
  t.is(machine.apply(stamp('a', 1)), 'a1 at 1', 'what is known is still answered');
  t.is(machine.apply(stamp('a', 3, { floor: 2 })), 'a3 at 5');
});

test('of too many clients the longest silent one is forgotten', (t) => {
  const machine = new Machine(new SessionTable({ clientsMax: 2, outcomesPerClientMax: 9 }));
  machine.apply(stamp('a', 1));
  machine.apply(stamp('b', 1));
  machine.apply(stamp('a', 2));
  machine.apply(stamp('c', 1));
  t.is(machine.table.clientCount, 2);
  t.is(machine.apply(stamp('a', 2)), 'a2 at 3');
  t.is(machine.apply(stamp('b', 1)), 'expired', 'it may have been applied');
  t.is(machine.apply(stamp('b', 2)), 'expired', 'and so may any of that session');
});

test('a session that began after the last forgetting is a new one', (t) => {
  const machine = new Machine(new SessionTable({ clientsMax: 1, outcomesPerClientMax: 9 }));
  machine.apply(stamp('a', 1));
  machine.apply(stamp('b', 1));
  t.is(machine.apply(stamp('c', 1, { since: 1 })), 'expired');
  t.is(machine.apply(stamp('c', 1, { since: 2 })), 'c1 at 4');
});

test('a duplicate does not make a client less silent', (t) => {
  const machine = new Machine(new SessionTable({ clientsMax: 2, outcomesPerClientMax: 9 }));
  machine.apply(stamp('a', 1));
  machine.apply(stamp('b', 1));
  machine.apply(stamp('a', 1));
  machine.apply(stamp('c', 1));
  t.deepEqual(
    machine.table.snapshot().clients.map(({ client }) => client as string),
    ['b', 'c'],
  );
});

const LIMITS = { clientsMax: 3, outcomesPerClientMax: 4 };

interface Try {
  readonly client: number;
  readonly sequence: number;
  readonly floor: number;
  readonly since: number;
  readonly restart: boolean;
}

const tries: fc.Arbitrary<Try[]> = fc.array(
  fc.record({
    client: fc.nat({ max: 4 }),
    sequence: fc.integer({ min: 1, max: 9 }),
    floor: fc.integer({ min: 1, max: 9 }),
    since: fc.nat({ max: 60 }),
    restart: fc.boolean(),
  }),
  { minLength: 1, maxLength: 120 },
);

testProp(
  'no command is applied twice, with a restart from a snapshot or without',
  [tries],
  (t, list) => {
    const steady = new Machine(new SessionTable(LIMITS));
    const restarted = new Machine(new SessionTable(LIMITS));
    const applied = new Set<string>();
    for (const { client, sequence, floor, since, restart } of list) {
      // A session begins once, and its floor is not above the command.
      const begun = Math.min(since, steady.applied);
      const name = `c${client}.${begun}.`;
      const command = stamp(name, sequence, {
        floor: Math.min(floor, sequence),
        since: begun,
      });
      const outcome = steady.apply(command);
      if (restart) {
        const copy = structuredClone(restarted.table.snapshot());
        restarted.table = SessionTable.restore(copy, LIMITS);
      }
      t.is(restarted.apply(command), outcome);
      if (!outcome.endsWith(` at ${steady.applied}`)) continue;
      t.false(applied.has(`${name}${sequence}`), `${name}${sequence} was applied`);
      applied.add(`${name}${sequence}`);
    }
    t.deepEqual(restarted.table.snapshot(), steady.table.snapshot());
    t.true(steady.table.clientCount <= LIMITS.clientsMax);
  },
);
