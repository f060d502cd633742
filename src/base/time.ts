/** The outside clock. Pure rooms never hold one: they take `nowMs` as an argument. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. May jump. */
  wallMs(): number;
  /** Never goes back; milliseconds since an arbitrary start. */
  monotonicMs(): number;
}

/** The machine's clock. */
export const SYSTEM_CLOCK: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
