/** Virtual time in whole milliseconds: what is due, in the order in which it was made. */
export class TimeLine {
  private readonly due = new Map<number, (() => void)[]>();
  nowMs = 0;

  /** Not before now. */
  at(atMs: number, run: () => void): void {
    const slot = this.due.get(atMs);
    if (slot === undefined) this.due.set(atMs, [run]);
    else slot.push(run);
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run);
  }

  /** Runs everything that is due through `endMs`. */
  runUntil(endMs: number): void {
    for (; this.nowMs <= endMs; this.nowMs += 1) {
      const slot = this.due.get(this.nowMs);
      if (slot === undefined) continue;
      // What is made for this very moment joins the end of the slot.
      for (let index = 0; index < slot.length; index += 1) slot[index]?.();
      this.due.delete(this.nowMs);
    }
    this.nowMs = endMs;
  }
}
