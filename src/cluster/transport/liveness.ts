/**
 * Whether the other end of a connection is still there. TCP itself finds out late: after ten
 * seconds without a cable it waits as long again before it tries once more.
 */
import type { Clock } from '../../base/index.ts';

/** What is asked: an HTTP/2 session has it. */
export interface Askable {
  /** Calls back when the other end has answered. */
  ping(answered: (error: Error | null) => void): boolean;
  readonly destroyed: boolean;
}

const PERIOD_MS = 1000;
/** More than a busy manager takes for one turn of its event loop. */
const SILENCE_MS = 4000;

/**
 * Asks once a second, and calls `silent` when nothing has been answered for four seconds in which
 * this process was awake. The result ends it.
 */
export function watchLiveness(session: Askable, clock: Clock, silent: () => void): () => void {
  let silentMs = 0;
  let askedAtMs = clock.monotonicMs();
  const timer = setInterval(() => {
    const nowMs = clock.monotonicMs();
    // A process that stood still could not hear.
    silentMs += Math.min(nowMs - askedAtMs, PERIOD_MS);
    askedAtMs = nowMs;
    if (session.destroyed) return;
    if (silentMs > SILENCE_MS) {
      clearInterval(timer);
      silent();
      return;
    }
    session.ping((error) => {
      if (error === null) silentMs = 0;
    });
  }, PERIOD_MS);
  timer.unref();
  return () => clearInterval(timer);
}
