/**
 * Docker's tables: columns at least ten wide, three spaces between them, nothing after the last.
 */

const COLUMN_MIN = 10;
const GAP = 3;

export type Row = readonly string[];

export function table(header: Row, rows: readonly Row[]): string {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => {
    const longest = Math.max(...lines.map((line) => (line[column] ?? '').length));
    return Math.max(COLUMN_MIN, longest + GAP);
  });
  return lines
    .map((line) =>
      line.map((cell, at) => (at === line.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))),
    )
    .map((cells) => cells.join(''))
    .join('\n');
}
