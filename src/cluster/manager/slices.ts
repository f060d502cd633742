/** The event loop is held for about so long at a time. */
const SLICE_MS = 10;

/**
 * Turns of the event loop, shared by all that work in steps: together they take a slice of each,
 * and others have the rest.
 */
export class Slices {
  private readonly sliceMs: number;
  /** Of this turn; undefined before anybody has worked in it. */
  private endMs: number | undefined;
  private next: Promise<void> = Promise.resolve();

  constructor(sliceMs = SLICE_MS) {
    this.sliceMs = sliceMs;
  }

  /** Takes steps up to the last, in as many turns as that needs, and gives what that returns. */
  async take<Result>(steps: Iterator<unknown, Result>): Promise<Result> {
    for (;;) {
      while (performance.now() < this.end()) {
        const step = steps.next();
        if (step.done === true) return step.value;
      }
      await this.next;
    }
  }

  private end(): number {
    if (this.endMs !== undefined) return this.endMs;
    this.endMs = performance.now() + this.sliceMs;
    this.next = new Promise((resolve) => {
      setImmediate(() => {
        this.endMs = undefined;
        resolve();
      });
    });
    return this.endMs;
  }
}

/** As `Slices.take`, by itself. */
export async function inSlices<Result>(steps: Iterator<unknown, Result>): Promise<Result> {
  return new Slices().take(steps);
}
