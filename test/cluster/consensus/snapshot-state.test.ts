import test from 'ava';
import fc from 'fast-check';
import { ClusterError } from '../../../src/cluster/errors.ts';
import {
  decodeState,
  encodeState,
  sessionsOf,
} from '../../../src/cluster/consensus/state/snapshot-state.ts';
import type { ClientId, LogIndex, SessionSnapshot } from '../../../src/raft/index.ts';

const SESSIONS: SessionSnapshot<string> = {
  forgottenAt: 7 as LogIndex,
  clients: [{ client: 'c1' as ClientId, floor: 3, outcomes: [[3, 'ok']] }],
};

const pause = async (): Promise<void> => undefined;

function codeOf(act: () => unknown): string {
  try {
    act();
    return 'none';
  } catch (error) {
    return error instanceof ClusterError ? error.detail.code : String(error);
  }
}

/** Committed: what this version writes, every later version must read. */
const VECTOR =
  '4857535301000000014d0000000000' +
  Buffer.from(JSON.stringify(SESSIONS)).toString('hex') +
  '02050000000000' +
  Buffer.from('state').toString('hex');

test('a state has the committed bytes', async (t) => {
  const state = await encodeState(SESSIONS, [Buffer.from('st'), Buffer.from('ate')], pause);
  t.is(state.toString('hex'), VECTOR);
  const { sessions, machine } = decodeState(state);
  t.deepEqual(sessionsOf<string>(sessions), SESSIONS);
  t.is(machine.toString(), 'state');
});

test('sections of kinds that a later version adds are skipped', (t) => {
  const later = Buffer.from(`${VECTOR}09020000000000abcd`, 'hex');
  t.is(decodeState(later).machine.toString(), 'state');
});

test('a later version, a section that is missing, and one that comes twice are refused', (t) => {
  const whole = Buffer.from(VECTOR, 'hex');
  const versioned = Buffer.from(whole);
  versioned[4] = 2;
  const machine = whole.subarray(whole.length - 12);
  const cases = [versioned, whole.subarray(0, whole.length - 12), Buffer.concat([whole, machine])];
  for (const bytes of cases)
    t.is(
      codeOf(() => decodeState(bytes)),
      'protocol',
    );
});

test('whatever the bytes, decoding ends with a state or a coded error', (t) => {
  const whole = Buffer.from(VECTOR, 'hex');
  const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(damage, fc.nat(whole.length), (changes, length) => {
      const bytes = Buffer.from(whole);
      for (const [at, value] of changes) bytes[at] = value;
      const code = codeOf(() => decodeState(bytes.subarray(0, length)));
      return code === 'none' || code === 'protocol';
    }),
    { seed: 1, numRuns: 2000 },
  );
  t.is(
    codeOf(() => decodeState(Buffer.alloc(0))),
    'protocol',
  );
});

test('the event loop is offered after each piece', async (t) => {
  let pauses = 0;
  const counting = async (): Promise<void> => {
    pauses += 1;
  };
  const pieces = Array.from({ length: 5 }, () => Buffer.alloc(4 << 20, 1));
  const state = await encodeState(SESSIONS, pieces, counting);
  t.is(decodeState(state).machine.length, 20 << 20);
  t.true(pauses >= 7);
});
