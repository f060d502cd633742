/** Telling a story on a terminal: what is done, what came out, and whether it held. */
import { LabError } from '../errors.ts';
import { waitFor } from '../wait.ts';

/** Long enough for a busy machine; most effects take well under a second. */
const EFFECT_LIMIT_MS = 20_000;

export class Story {
  readonly #write: (text: string) => void;
  #checks = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  get checks(): number {
    return this.#checks;
  }

  title(text: string): void {
    this.#write(`\n== ${text}\n`);
  }

  command(text: string): void {
    this.#write(`   $ ${text}\n`);
  }

  output(text: string): void {
    for (const line of text.split('\n')) this.#write(`     ${line}\n`);
  }

  /** States what holds; ends the story when it does not. */
  check(statement: string, holds: boolean, seen: unknown): void {
    if (!holds) {
      throw new LabError(
        { code: 'too-late', awaited: statement },
        `this does not hold: ${statement}; seen: ${JSON.stringify(seen)}`,
      );
    }
    this.#checks += 1;
    this.#write(`   ok: ${statement}\n`);
  }

  /** As `check`, for what takes effect within a limit. Returns what was seen when it held. */
  async eventually<T>(
    statement: string,
    look: () => Promise<T>,
    holds: (seen: T) => boolean,
  ): Promise<T> {
    let seen: T | undefined;
    let problem: unknown;
    try {
      return await waitFor(statement, EFFECT_LIMIT_MS, async () => {
        try {
          const found = await look();
          seen = found;
          if (!holds(found)) return undefined;
          this.check(statement, true, found);
          return found;
        } catch (error) {
          problem = error;
          return undefined;
        }
      });
    } catch (error) {
      if (seen === undefined && problem instanceof Error) throw problem;
      this.check(statement, false, seen);
      throw error;
    }
  }
}
