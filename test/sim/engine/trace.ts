/** What happened in a run: the last events in words, and a number over all of them. */

const RECENT_MAX = 60;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

export class Trace {
  private readonly now: () => number;
  private readonly recent: string[] = [];
  private told = 0;
  private sum = FNV_OFFSET;
  /** How many events there were. */
  count = 0;

  constructor(now: () => number) {
    this.now = now;
  }

  note(event: string): void {
    const line = `${this.now()} ${event}`;
    this.recent[this.told % RECENT_MAX] = line;
    this.told += 1;
    this.add(line);
  }

  /** Counts and is hashed, but is not among the last events: there are too many of its kind. */
  noteOften(event: string): void {
    this.add(`${this.now()} ${event}`);
  }

  /** Equal for runs in which the same things happened at the same times (FNV-1a, 32 bits). */
  get hash(): string {
    return (this.sum >>> 0).toString(16).padStart(8, '0');
  }

  /** Oldest first; times are milliseconds since the run began. */
  get last(): readonly string[] {
    const at = this.told % RECENT_MAX;
    return [...this.recent.slice(at), ...this.recent.slice(0, at)];
  }

  private add(line: string): void {
    this.count += 1;
    let sum = this.sum;
    for (let at = 0; at < line.length; at += 1)
      sum = Math.imul(sum ^ line.charCodeAt(at), FNV_PRIME);
    this.sum = sum;
  }
}
