/**
 * Scenario scripts: text files of prose, commands (`> words key=value`) and the output expected
 * under each. `HAWSER_REWRITE_SCENARIOS=1` writes what came out into the files, to be read in the
 * diff.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';

export interface ScenarioCommand {
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, string>>;
}

/** Runs one command; returns its output lines. */
export type ScenarioRunner = (command: ScenarioCommand) => readonly string[];

/** Scripts of a folder below `test/`, in the source tree whatever the tests are compiled to. */
export function scenarioFiles(folder: string): readonly string[] {
  const path = join(packageRoot(), 'test', folder);
  return readdirSync(path)
    .filter((name) => name.endsWith('.txt'))
    .map((name) => join(path, name));
}

export function checkScenario(t: ExecutionContext, path: string, run: ScenarioRunner): void {
  const expected = readFileSync(path, 'utf8');
  const actual = replay(expected, run);
  if (process.env['HAWSER_REWRITE_SCENARIOS'] === '1') writeFileSync(path, actual);
  else t.is(actual, expected);
  t.true(actual.includes('\n> '), 'a scenario has commands');
}

/** The script with the output of each command replaced by what it really prints. */
export function replay(script: string, run: ScenarioRunner): string {
  const lines: string[] = [];
  let isOutput = false;
  for (const line of script.split('\n')) {
    if (line.startsWith('> ')) {
      lines.push(line, ...run(parseCommand(line.slice(2))));
      isOutput = true;
    } else if (line === '') isOutput = false;
    if (!isOutput) lines.push(line);
  }
  return lines.join('\n');
}

function parseCommand(line: string): ScenarioCommand {
  const parts = line.trim().split(/\s+/);
  const isOption = (part: string): boolean => /^[a-z]+=/.test(part);
  const options = parts
    .filter(isOption)
    .map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)] as const);
  return { words: parts.filter((part) => !isOption(part)), options: Object.fromEntries(options) };
}

/** Columns lined up, as command line tools print them. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return ['(none)'];
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory);
  return directory;
}
