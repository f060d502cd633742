/** One figure of a benchmark, with what it is compared to and the goal for it. */
export interface Row {
  readonly what: string;
  readonly measured: string;
  readonly peer: string;
  /** `measured / peer`, or the plain figure where there is no peer. */
  readonly result: string;
  readonly goal: string;
  readonly isMet: boolean;
}

export function ratioRow(
  what: string,
  figures: { readonly measured: number; readonly peer: number; readonly unit: string },
  atLeast: number,
): Row {
  const ratio = figures.measured / figures.peer;
  return {
    what,
    measured: `${round(figures.measured)} ${figures.unit}`,
    peer: `${round(figures.peer)} ${figures.unit}`,
    result: ratio.toFixed(2),
    goal: `>= ${atLeast}`,
    isMet: ratio >= atLeast,
  };
}

export function limitRow(
  what: string,
  measured: number,
  limit: { max: number; unit: string },
): Row {
  return {
    what,
    measured: `${round(measured)} ${limit.unit}`,
    peer: '-',
    result: `${round(measured)} ${limit.unit}`,
    goal: `<= ${limit.max} ${limit.unit}`,
    isMet: measured <= limit.max,
  };
}

export function printRows(rows: readonly Row[]): void {
  const lines = [
    ['WHAT', 'MEASURED', 'PEER', 'RESULT', 'GOAL', ''],
    ...rows.map((row) => [
      row.what,
      row.measured,
      row.peer,
      row.result,
      row.goal,
      row.isMet ? 'met' : 'MISSED',
    ]),
  ];
  const widths = lines[0]?.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  for (const line of lines) {
    console.log(
      line
        .map((cell, at) => cell.padEnd(widths?.[at] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function round(value: number): string {
  return value >= 1000
    ? Math.round(value).toLocaleString('en-US')
    : String(Number(value.toPrecision(3)));
}
