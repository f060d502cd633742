/** What suites come to: made, and added up. */
import { readdirSync } from 'node:fs';
import type { TapTotals } from './tap.ts';

export const NOTHING: TapTotals = { passed: 0, failures: [], skipped: [] };

export function failure(title: string, explanation: readonly string[] = []): TapTotals {
  return { passed: 0, failures: [{ title, explanation }], skipped: [] };
}

/** Every compiled test file with that ending, as skipped for a reason. */
export function skippedSuites(ending: string, reason: string): TapTotals {
  const files = readdirSync('dist/test', { recursive: true, encoding: 'utf8' });
  const skipped = files
    .filter((file) => file.endsWith(ending))
    .map((file) => `test/${file.replace(/\.js$/, '.ts')} (whole suite): ${reason}`);
  return { passed: 0, failures: [], skipped };
}

export function merge(parts: readonly TapTotals[]): TapTotals {
  return {
    passed: parts.reduce((sum, part) => sum + part.passed, 0),
    failures: parts.flatMap((part) => part.failures),
    skipped: parts.flatMap((part) => part.skipped),
  };
}
