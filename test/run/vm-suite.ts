/** The suites that need a kernel which this machine may not have, in a virtual machine. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { guestParts, runInGuest } from '../vm/guest.ts';
import { parseTap, type TapTotals } from './tap.ts';
import { failure, merge, NOTHING, skippedSuites } from './totals.ts';

const ENDING = '.vm.test.js';
const LIMIT_MS = 10 * 60_000;
const LOG_LINES = 60;

/**
 * Boots, runs ava in the guest and reads the TAP that it leaves in `out`. Booting takes long, so a
 * narrowed run does it only when it names such suites.
 */
export async function runVmSuite(
  out: string,
  only: string,
  say: (text: string) => void,
): Promise<TapTotals> {
  if (only !== '' && !only.includes(ENDING)) return NOTHING;
  const parts = guestParts();
  if (parts.kind === 'missing') return skippedSuites(ENDING, parts.reason);
  say('suite in a virtual machine …');
  const ava = 'node_modules/ava/entrypoints/cli.mjs --tap --config ava.vm.config.js';
  const files = only === '' ? 'dist/test/**' : only;
  const { status, log } = await runInGuest(
    parts.folder,
    [`'${process.execPath}' ${ava} '${files}' >/vm/out/tap`],
    { out, limitMs: LIMIT_MS },
  );
  const totals = parseTap(tapIn(out));
  if (status === 0) return totals;
  const lines = ['the guest said last:', ...log.split('\n').slice(-LOG_LINES)];
  const end = status === undefined ? 'ended before its tests' : `ended with status ${status}`;
  return merge([totals, failure(`the virtual machine ${end}`, lines)]);
}

function tapIn(out: string): string {
  try {
    return readFileSync(join(out, 'tap'), 'utf8');
  } catch {
    return ''; // It ended before ava began.
  }
}
