/**
 * The format, pinned: `vectors.txt` holds the bytes of one of everything, and what becomes of bytes
 * of other releases. `HAWSER_REWRITE_SCENARIOS=1` writes the file anew; a changed byte in it is a
 * format that nodes of the last release cannot read.
 */
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { GossipError } from '../../../../src/gossip/errors.ts';
import { decodeTableMessage } from '../../../../src/gossip/tables/wire/decode.ts';
import { encodeTableMessage } from '../../../../src/gossip/tables/wire/encode.ts';
import type { TableMessage } from '../../../../src/gossip/tables/wire/messages.ts';
import { checkScenario, scenarioFiles, type ScenarioCommand } from '../../../store/scenario.ts';
import { SAMPLES } from './samples.ts';

const BYTES_PER_LINE = 32;

for (const path of scenarioFiles('gossip/tables/wire'))
  test('the bytes of every message are as they were', (t) => checkScenario(t, path, run));

test('every sample is read back as it was written', (t) => {
  for (const [name, message] of SAMPLES)
    t.deepEqual(decodeTableMessage(encodeTableMessage(message)), message, name);
});

/** `encode name`, or `read name` with bytes of the sample replaced, put in or cut off. */
function run({ words, options }: ScenarioCommand): readonly string[] {
  const [verb, name = ''] = words;
  const message = SAMPLES.get(name);
  if (message === undefined) return [`no sample ${name}`];
  const bytes = edited(encodeTableMessage(message), options);
  return verb === 'encode' ? hexLines(bytes) : [outcomeOf(message, bytes)];
}

/** `at=offset` with `put=hex` (in place of bytes there), `insert=hex`, or `cut=count`. */
function edited(bytes: Uint8Array, options: ScenarioCommand['options']): Uint8Array {
  const at = Number(options['at'] ?? bytes.length);
  const put = Buffer.from(options['put'] ?? options['insert'] ?? '', 'hex');
  const cut = Number(options['cut'] ?? (options['put'] === undefined ? 0 : put.length));
  return Uint8Array.from([...bytes.subarray(0, at), ...put, ...bytes.subarray(at + cut)]);
}

function outcomeOf(message: TableMessage, bytes: Uint8Array): string {
  try {
    const isSame = isDeepStrictEqual(decodeTableMessage(bytes), message);
    return isSame ? 'read as the sample' : 'read as something else';
  } catch (error) {
    if (error instanceof GossipError) return `refused ${JSON.stringify(error.detail)}`;
    throw error;
  }
}

function hexLines(bytes: Uint8Array): string[] {
  const hex = Buffer.from(bytes).toString('hex');
  return hex.match(new RegExp(`.{1,${BYTES_PER_LINE * 2}}`, 'g')) ?? [];
}
