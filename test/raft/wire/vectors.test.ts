/**
 * The format, pinned: `vectors.txt` holds the bytes of one of everything, and what becomes of bytes
 * of other releases. `HAWSER_REWRITE_SCENARIOS=1` writes the file anew; a changed byte in it is a
 * format that peers of the last release cannot read.
 */
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { RaftError } from '../../../src/raft/index.ts';
import { checkScenario, scenarioFiles, type ScenarioCommand } from '../../store/scenario.ts';
import { FORMS, type Form } from './samples.ts';

const BYTES_PER_LINE = 32;

for (const path of scenarioFiles('raft/wire'))
  test('the bytes of everything are as they were', (t) => checkScenario(t, path, run));

test('every sample is read back as it was written', (t) => {
  for (const [name, { value, encode, decode }] of FORMS) t.deepEqual(decode(encode()), value, name);
});

/** `encode name`, or `read name` with bytes of the sample replaced, put in or cut off. */
function run({ words, options }: ScenarioCommand): readonly string[] {
  const [verb, name = ''] = words;
  const form = FORMS.get(name);
  if (form === undefined) return [`no sample ${name}`];
  const bytes = edited(form.encode(), options);
  return verb === 'encode' ? hexLines(bytes) : [outcomeOf(form, bytes)];
}

/** `at=offset` with `put=hex` (in place of bytes there), `insert=hex`, or `cut=count`. */
function edited(bytes: Uint8Array, options: ScenarioCommand['options']): Uint8Array {
  const at = Number(options['at'] ?? bytes.length);
  const before = bytes.subarray(0, at < 0 ? bytes.length + at : at);
  const put = Buffer.from(options['put'] ?? options['insert'] ?? '', 'hex');
  const cut = Number(options['cut'] ?? (options['put'] === undefined ? 0 : put.length));
  return Uint8Array.from([...before, ...put, ...bytes.subarray(before.length + cut)]);
}

function outcomeOf({ value, decode }: Form, bytes: Uint8Array): string {
  try {
    return isDeepStrictEqual(decode(bytes), value)
      ? 'read as the sample'
      : 'read as something else';
  } catch (error) {
    if (error instanceof RaftError) return `refused ${JSON.stringify(error.detail)}`;
    throw error;
  }
}

function hexLines(bytes: Uint8Array): string[] {
  const hex = Buffer.from(bytes).toString('hex');
  return hex.match(new RegExp(`.{1,${BYTES_PER_LINE * 2}}`, 'g')) ?? [];
}
