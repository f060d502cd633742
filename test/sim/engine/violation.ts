/** A promise of the system that a run broke. */
export class Violation extends Error {
  /** The checker that saw it. */
  readonly checker: string;

  constructor(checker: string, what: string) {
    super(what);
    this.checker = checker;
  }
}

export function violated(checker: string, what: string): never {
  throw new Violation(checker, what);
}
