const FIRST_MS = 100;
const LONGEST_MS = 30_000;

/** How long after the given attempt the next one comes: doubled each time, from 100 ms to 30 s. */
export function retryDelayMs(attempts: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempts - 1, 20));
}
