import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 25;

/** Whether it came true before the limit. */
export async function until(isTrue: () => boolean, limitMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += POLL_MS) {
    if (isTrue()) return true;
    await delay(POLL_MS);
  }
  return isTrue();
}
