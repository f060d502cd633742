import { constants } from 'node:os';

const NAME_BY_NUMBER = new Map(
  Object.entries(constants.errno)
    .filter(([name]) => name !== 'EWOULDBLOCK')
    .map(([name, number]) => [number, name]),
);

/** `ENOENT` for 2; `E<number>` for numbers that Node does not know. */
export function errnoName(number: number): string {
  return NAME_BY_NUMBER.get(number) ?? `E${number}`;
}
