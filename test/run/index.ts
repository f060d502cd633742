/**
 * run: `make test`. Runs every suite, counts, looks for leftovers, and says all of it in one last
 * line.
 *
 * Two suites: what any user can run, then what needs root and the kernel. A suite that cannot run
 * here is skipped with its reason. Anything left behind on the machine is a failure. The TAP of
 * each suite is kept in `build/test/`. ONLY=glob narrows it down to some compiled files. Start with
 * `main`.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { leftSince, snapshotLeftovers } from './leaks.ts';
import { parseTap, type TapFailure, type TapTotals } from './tap.ts';

const MINUTE_MS = 60_000;
const TAP_DIRECTORY = 'build/test';

interface Suite {
  readonly name: string;
  readonly config: string;
  readonly limitMs: number;
}

const UNIT: Suite = { name: 'unit', config: 'ava.config.js', limitMs: 14 * MINUTE_MS };
const ROOT: Suite = { name: 'root', config: 'ava.root.config.js', limitMs: 13 * MINUTE_MS };

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

function failure(title: string, explanation: readonly string[] = []): TapTotals {
  return { passed: 0, failures: [{ title, explanation }], skipped: [] };
}

/** Runs ava with the suite's configuration and reads its TAP; a crash of ava is one failure. */
async function runSuite(suite: Suite, only: string): Promise<TapTotals> {
  const tapPath = `${TAP_DIRECTORY}/${suite.name}.tap`;
  const ava = ['node_modules/ava/entrypoints/cli.mjs', '--tap', '--config', suite.config];
  const limit = AbortSignal.timeout(suite.limitMs);
  const child = spawn(process.execPath, [...ava, only === '' ? 'dist/test/**' : only], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: limit,
  });
  const tap = createWriteStream(tapPath);
  let complaint = '';
  child.stdout.pipe(tap);
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  child.on('error', (error) => (complaint += error.message));
  const status = await new Promise((resolve) => child.on('close', resolve));
  await finished(tap);

  if (only !== '' && complaint.includes('find any files to test')) {
    return { passed: 0, failures: [], skipped: [] };
  }
  const totals = parseTap(readFileSync(tapPath, 'utf8'));
  if (limit.aborted) {
    return merge([totals, failure(`the ${suite.name} suite took over ${suite.limitMs} ms`)]);
  }
  const isUnexplained = status !== 0 && totals.failures.length === 0;
  const crash = failure(`ava ended with status ${String(status)}`, complaint.split('\n'));
  return isUnexplained ? merge([totals, crash]) : totals;
}

function skipRootSuites(): TapTotals {
  const files = readdirSync('dist/test', { recursive: true, encoding: 'utf8' });
  const skipped = files
    .filter((file) => file.endsWith('.root.test.js'))
    .map((file) => `test/${file.replace(/\.js$/, '.ts')} (whole suite): needs root`);
  return { passed: 0, failures: [], skipped };
}

function merge(parts: readonly TapTotals[]): TapTotals {
  return {
    passed: parts.reduce((sum, part) => sum + part.passed, 0),
    failures: parts.flatMap((part) => part.failures),
    skipped: parts.flatMap((part) => part.skipped),
  };
}

function report(totals: TapTotals): void {
  for (const { title, explanation } of totals.failures) {
    say(`\nFAILED  ${title}`);
    for (const line of explanation) say(`  ${line}`);
  }
  if (totals.skipped.length > 0) say('');
  for (const title of totals.skipped) say(`skipped ${title}`);
  const counts = [totals.passed, totals.failures.length, totals.skipped.length];
  say(`\n${counts[0]} passed, ${counts[1]} failed, ${counts[2]} skipped`);
}

function leaksAsTotals(before: ReadonlySet<string>): TapTotals {
  const left: TapFailure[] = leftSince(before).map((thing) => ({
    title: `left behind: ${thing}`,
    explanation: [],
  }));
  return { passed: 0, failures: left, skipped: [] };
}

async function main(): Promise<void> {
  const only = process.env['ONLY'] ?? '';
  const isRoot = process.getuid?.() === 0;
  mkdirSync(TAP_DIRECTORY, { recursive: true });
  const before = snapshotLeftovers();
  say(`node ${process.version}, ${isRoot ? 'root' : 'not root: kernel suites are skipped'}`);
  say('unit suite …');
  const unit = await runSuite(UNIT, only);
  if (isRoot) say('root suite …');
  const root = isRoot ? await runSuite(ROOT, only) : skipRootSuites();
  const totals = merge([unit, root, leaksAsTotals(before)]);
  report(totals);
  if (totals.failures.length > 0) process.exitCode = 1;
}

await main();
