/**
 * Whether a history of concurrent operations on one object could have happened one at a time, each
 * between its call and its return (Herlihy and Wing; the search is Wing and Gong's with Lowe's
 * cache, as in Porcupine). Operations on different objects are independent, so the caller parts a
 * history by object.
 */

export interface Operation<Op> {
  readonly op: Op;
  /** Places in one order of all calls and returns. */
  readonly calledAt: number;
  /** `undefined`: nothing was heard, so it may take effect at any later time, or never. */
  readonly returnedAt: number | undefined;
}

export interface Model<State, Op> {
  readonly initial: State;
  /** The state after `op`, or `undefined` when `op` could not have gone so in `state`. */
  step(state: State, op: Op): State | undefined;
  /** Equal for equal states. */
  textOf(state: State): string;
}

export type Verdict = 'linearizable' | 'impossible' | 'undecided';

/** Steps of the search, each of which tries one operation. */
const STEPS_MAX = 200_000;

export function checkLinearizable<State, Op>(
  model: Model<State, Op>,
  history: readonly Operation<Op>[],
): Verdict {
  return new Search(model, history).run();
}

/** The operations that were taken so far, and the state they made. */
interface Node<State> {
  readonly taken: bigint;
  readonly state: State;
}

class Search<State, Op> {
  private readonly model: Model<State, Op>;
  private readonly operations: readonly Operation<Op>[];
  private readonly answered: bigint;
  private readonly seen = new Set<string>();

  constructor(model: Model<State, Op>, history: readonly Operation<Op>[]) {
    this.model = model;
    this.operations = [...history].sort((one, other) => one.calledAt - other.calledAt);
    this.answered = this.operations.reduce(
      (mask, { returnedAt }, at) => (returnedAt === undefined ? mask : mask | bit(at)),
      0n,
    );
  }

  run(): Verdict {
    const stack: Node<State>[] = [{ taken: 0n, state: this.model.initial }];
    for (let steps = 0; steps < STEPS_MAX; steps += 1) {
      const node = stack.pop();
      if (node === undefined) return 'impossible';
      if ((node.taken & this.answered) === this.answered) return 'linearizable';
      for (const next of this.successors(node)) stack.push(next);
    }
    return 'undecided';
  }

  /**
   * What may come next: operations called before any other one that is left returned. Last, and so
   * tried first, those that were answered: most of the others never took effect.
   */
  private successors({ taken, state }: Node<State>): Node<State>[] {
    const answered: Node<State>[] = [];
    const open: Node<State>[] = [];
    let firstReturn = Infinity;
    for (const [at, { returnedAt }] of this.operations.entries())
      if ((taken & bit(at)) === 0n && returnedAt !== undefined)
        firstReturn = Math.min(firstReturn, returnedAt);
    for (const [at, { op, calledAt, returnedAt }] of this.operations.entries()) {
      if (calledAt > firstReturn) break;
      if ((taken & bit(at)) !== 0n) continue;
      const after = this.model.step(state, op);
      const next = returnedAt === undefined ? open : answered;
      if (after !== undefined) this.add(next, { taken: taken | bit(at), state: after });
    }
    return [...open.reverse(), ...answered.reverse()];
  }

  private add(next: Node<State>[], node: Node<State>): void {
    const text = `${node.taken.toString(36)} ${this.model.textOf(node.state)}`;
    if (this.seen.has(text)) return;
    this.seen.add(text);
    next.push(node);
  }
}

function bit(at: number): bigint {
  return 1n << BigInt(at);
}
