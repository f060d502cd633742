/**
 * Reads the TAP stream of ava line by line and keeps what a summary needs.
 *
 * `ok 3 - name # SKIP` counts as skipped; `not ok` keeps its YAML block, because that is the
 * explanation.
 */
export interface TapFailure {
  readonly title: string;
  readonly explanation: readonly string[];
}

export interface TapTotals {
  readonly passed: number;
  readonly failures: readonly TapFailure[];
  readonly skipped: readonly string[];
}

const RESULT = /^(?<verdict>ok|not ok) \d+ - (?<title>.*?)(?<skip> # SKIP.*)?$/;

/** Parses a whole TAP document; lines that are not results or explanations are ignored. */
export function parseTap(text: string): TapTotals {
  let passed = 0;
  const failures: { title: string; explanation: string[] }[] = [];
  const skipped: string[] = [];
  let open: string[] | undefined;
  for (const line of text.split('\n')) {
    const result = RESULT.exec(line)?.groups;
    if (result === undefined) {
      if (open !== undefined && (line.startsWith(' ') || line === '')) open.push(line);
      continue;
    }
    open = undefined;
    const title = result['title'] ?? '';
    if (result['skip'] !== undefined) skipped.push(title);
    else if (result['verdict'] === 'ok') passed += 1;
    else {
      open = [];
      failures.push({ title, explanation: open });
    }
  }
  return { passed, failures, skipped };
}
