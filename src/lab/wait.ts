import { setTimeout as delay } from 'node:timers/promises';
import { LabError } from './errors.ts';

const POLL_MS = 40;

/**
 * Asks again and again until `probe` returns something other than undefined or false, and returns
 * that. Throws `too-late` naming what was awaited after `limitMs`; what `probe` throws ends it at
 * once.
 */
export async function waitFor<T>(
  awaited: string,
  limitMs: number,
  probe: () => Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) {
      throw new LabError(
        { code: 'too-late', awaited },
        `waited ${Math.round(limitMs / 1000)} s in vain for ${awaited}`,
      );
    }
    await delay(POLL_MS);
  }
}
