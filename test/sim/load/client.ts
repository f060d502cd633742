/** Someone who talks to managers through their API, one question at a time. */
import { randomBelow } from '../../../src/base/index.ts';
import type { Address } from '../engine/network.ts';
import type { ApiAnswers, ApiAsks } from '../engine/protocol.ts';
import type { World } from '../world.ts';

/** `unknown` for a question that nobody answered, too. */
export type Heard = (answer: ApiAnswers) => void;

export class Client {
  readonly world: World;
  readonly address: Address;
  readonly name: string;
  private questions = 0;

  constructor(world: World, address: Address) {
    this.world = world;
    this.address = address;
    this.name = `c${address}`;
  }

  random(bound: number): number {
    return randomBelow(this.world.rng, bound);
  }

  ask(asks: ApiAsks, heard: Heard): void {
    const { world } = this;
    const to = world.managers[this.random(Math.max(1, world.managers.length))]?.address;
    if (to === undefined) {
      heard({ kind: 'not-done' });
      return;
    }
    this.questions += 1;
    const { questions } = this;
    const since = world.checks.visibleIndex;
    const end = world.network.dial(this.address, to);
    const finish = (answer: ApiAnswers): void => {
      if (questions !== this.questions) return;
      this.questions += 1;
      end.close();
      world.trace.note(`${this.name} ${asks.kind} ${answer.kind}`);
      if (answer.kind === 'read-result') world.checks.read(answer.index, since);
      if (answer.kind === 'written') world.checks.written(answer.index, since);
      heard(answer);
    };
    end.take = (message) => finish(message as ApiAnswers);
    end.onClosed = () => finish({ kind: 'unknown' });
    end.send(asks);
    world.queue.after(world.swarm.patienceMs, () => finish({ kind: 'unknown' }));
  }
}
