/** The event loop is held for about so long at a time. */
const SLICE_MS = 10;

/**
 * Takes steps up to the last, and gives what that returns; after each slice of time others have
 * their turn.
 */
export async function inSlices<Result>(
  steps: Iterator<unknown, Result>,
  sliceMs = SLICE_MS,
): Promise<Result> {
  for (;;) {
    const endMs = performance.now() + sliceMs;
    do {
      const step = steps.next();
      if (step.done === true) return step.value;
    } while (performance.now() < endMs);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
