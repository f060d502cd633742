import type { StateMachine } from '../../../../src/cluster/consensus/index.ts';

/** A state machine that keeps what it was told, and answers with how much that is. */
export class Tally implements StateMachine<number> {
  history: string[] = [];
  restores = 0;

  apply(data: Uint8Array): number {
    this.history.push(Buffer.from(data).toString());
    return this.history.length;
  }

  snapshot(): Iterable<Uint8Array> {
    return piecesOf([...this.history]);
  }

  restore(state: Buffer): void {
    this.restores += 1;
    this.history = JSON.parse(state.toString()) as string[];
  }
}

function* piecesOf(history: readonly string[]): Iterable<Uint8Array> {
  yield Buffer.from('[');
  for (const [at, text] of history.entries())
    yield Buffer.from(`${at === 0 ? '' : ','}${JSON.stringify(text)}`);
  yield Buffer.from(']');
}
