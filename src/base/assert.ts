/**
 * Crashes with `statement` and the state around it when `condition` does not hold. For bugs only.
 */
export function assert(condition: unknown, statement: string, state?: unknown): asserts condition {
  if (condition) return;
  const detail = state === undefined ? '' : ` (state: ${JSON.stringify(state)})`;
  throw new Error(`assertion failed: ${statement}${detail}`);
}

/** Ends an exhaustive switch: the compiler proves that no case is missing. */
export function unreachable(value: never): never {
  throw new Error(`assertion failed: unreachable value ${JSON.stringify(value)}`);
}
