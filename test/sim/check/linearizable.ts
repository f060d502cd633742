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
const STEPS_MAX = 100_000;

export function checkLinearizable<State, Op>(
  model: Model<State, Op>,
  history: readonly Operation<Op>[],
): Verdict {
  return new Search(model, history).run();
}

/** The operations that were taken so far, and the state they made. */
interface Node<State> {
  /** Of the answered ones, in the order of their calls, all before this place are taken. */
  readonly low: number;
  /** Places of answered ones that were taken beyond, ascending. */
  readonly beyond: readonly number[];
  /** Places of unanswered ones that were taken. */
  readonly open: readonly number[];
  readonly state: State;
}

interface Answered<Op> extends Operation<Op> {
  readonly returnedAt: number;
}

class Search<State, Op> {
  private readonly model: Model<State, Op>;
  private readonly answered: readonly Answered<Op>[];
  private readonly unanswered: readonly Operation<Op>[];
  private readonly seen = new Set<string>();

  constructor(model: Model<State, Op>, history: readonly Operation<Op>[]) {
    const byCall = [...history].sort((one, other) => one.calledAt - other.calledAt);
    this.model = model;
    this.answered = byCall.filter(isAnswered);
    this.unanswered = byCall.filter((operation) => !isAnswered(operation));
  }

  run(): Verdict {
    const { initial } = this.model;
    const stack: Node<State>[] = [{ low: 0, beyond: [], open: [], state: initial }];
    for (let steps = 0; steps < STEPS_MAX; steps += 1) {
      const node = stack.pop();
      if (node === undefined) return 'impossible';
      if (node.low === this.answered.length) return 'linearizable';
      for (const next of this.successors(node)) this.add(stack, next);
    }
    return 'undecided';
  }

  /**
   * What may come next: operations called before any other one that is left returned. Last, and so
   * tried first, those that were answered: most of the others never took effect.
   */
  private successors(node: Node<State>): Node<State>[] {
    const left = this.window(node);
    const firstReturn = Math.min(...left.map((at) => this.answered[at]?.returnedAt ?? Infinity));
    const next: Node<State>[] = [];
    for (const [at, { op, calledAt }] of this.unanswered.entries()) {
      if (calledAt > firstReturn) break;
      if (node.open.includes(at)) continue;
      const state = this.model.step(node.state, op);
      // Without an effect it may as well not have happened.
      const hasEffect = state !== undefined && this.textOf(state) !== this.textOf(node.state);
      if (hasEffect) next.push({ ...node, open: inserted(node.open, at), state });
    }
    for (const at of left.reverse()) {
      const operation = this.answered[at];
      if (operation === undefined || operation.calledAt > firstReturn) continue;
      const state = this.model.step(node.state, operation.op);
      if (state !== undefined) next.push({ ...node, ...taken(node, at), state });
    }
    return next;
  }

  /** Places of the answered operations that are left, as far as one of them could come next. */
  private window({ low, beyond }: Node<State>): number[] {
    const places: number[] = [];
    let firstReturn = Infinity;
    for (let at = low; at < this.answered.length; at += 1) {
      const operation = this.answered[at];
      if (operation === undefined || operation.calledAt > firstReturn) break;
      if (beyond.includes(at)) continue;
      places.push(at);
      firstReturn = Math.min(firstReturn, operation.returnedAt);
    }
    return places;
  }

  private add(stack: Node<State>[], node: Node<State>): void {
    const { low, beyond, open, state } = node;
    const text = `${low} ${beyond.join()} ${open.join()} ${this.textOf(state)}`;
    if (this.seen.has(text)) return;
    this.seen.add(text);
    stack.push(node);
  }

  private textOf(state: State): string {
    return this.model.textOf(state);
  }
}

function isAnswered<Op>(operation: Operation<Op>): operation is Answered<Op> {
  return operation.returnedAt !== undefined;
}

function taken<State>(
  { low, beyond }: Node<State>,
  at: number,
): Pick<Node<State>, 'low' | 'beyond'> {
  const all = inserted(beyond, at);
  let first = low;
  while (all[first - low] === first) first += 1;
  return { low: first, beyond: all.slice(first - low) };
}

function inserted(places: readonly number[], at: number): number[] {
  return [...places, at].sort((one, other) => one - other);
}
