/**
 * A cluster that somebody keeps breaking: damage of every kind to what Hawser owns in the kernel,
 * agents killed, cables cut, all drawn from one seed, while every pair of endpoints pings and
 * holds a TCP connection. After each, every pair must be whole within the limit; in the end the
 * kernel must hold what it held before.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { SeededRng } from '../../src/base/index.ts';
import { labDown } from '../../src/lab/index.ts';
import { startLab } from '../e2e/lab-fixture.ts';
import { DAMAGES, type Where } from './damages.ts';
import {
  cutLink,
  fingerprint,
  flushConnections,
  NODES,
  placesOf,
  populate,
  restartAgent,
  shell,
  takeAway,
  type Place,
} from './lab.ts';
import { Prober } from './prober.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly durationMs: number;
  /** Within which every pair must be whole after a damage, or after a cable's return. */
  readonly limitMs: number;
  readonly say: (line: string) => void;
}

export interface ChaosResult {
  readonly rounds: number;
  readonly failures: readonly string[];
}

/** What is broken, and what breaks it; resolves at the moment from which the limit counts. */
interface Event {
  readonly name: string;
  readonly run: () => Promise<unknown>;
}

/** How long all must be answered after the limit. */
const WATCHED_MS = 600;
/** An answer may take so long on a busy machine. */
const ANSWER_MS = 1000;
/** TCP itself waits: it doubles its pause between two attempts. */
const STREAM_LIMIT_MS = 8000;
const CUT_MAX_MS = 3000;

export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
  await startLab(NODES.length);
  try {
    const endpoints = await populate();
    options.say(`seed ${options.seed}: ${endpoints.length} endpoints on ${NODES.length} nodes`);
    const prober = new Prober(endpoints);
    try {
      return await new Chaos(options, prober).run();
    } finally {
      prober.close();
    }
  } finally {
    await labDown();
  }
}

class Chaos {
  private readonly options: ChaosOptions;
  private readonly prober: Prober;
  private readonly rng: SeededRng;
  private readonly failures: string[] = [];
  private readonly slowest = new Map<string, number>();

  constructor(options: ChaosOptions, prober: Prober) {
    this.options = options;
    this.prober = prober;
    this.rng = new SeededRng(options.seed);
  }

  async run(): Promise<ChaosResult> {
    await this.settled();
    const before = await fingerprint();
    const endMs = performance.now() + this.options.durationMs;
    let rounds = 0;
    while (performance.now() < endMs) {
      rounds += 1;
      await this.round(rounds);
    }
    await this.settled();
    this.compare(before, await fingerprint());
    const { pings, lost, messages } = this.prober.totals;
    const pairs = this.prober.pairCount;
    this.options.say(
      `${rounds} rounds, ${pairs} pairs: ${pings} pings, ${lost} lost; ${messages} messages`,
    );
    for (const [name, ms] of [...this.slowest].sort(([, one], [, other]) => other - one))
      this.options.say(`  ${String(Math.round(ms)).padStart(5)} ms  ${name}`);
    return { rounds, failures: this.failures };
  }

  private async round(round: number): Promise<void> {
    const event = await this.draw();
    await event.run();
    const { limitMs, say } = this.options;
    const startedMs = performance.now();
    await wait(limitMs + WATCHED_MS + ANSWER_MS);
    const wholeMs = startedMs + limitMs;
    const { pairs } = this.prober.losses(wholeMs, wholeMs + WATCHED_MS);
    const { last } = this.prober.losses(startedMs, wholeMs + WATCHED_MS);
    const name = event.name.replace(/^.*?: /, '');
    this.slowest.set(name, Math.max(this.slowest.get(name) ?? 0, last - startedMs));
    say(`${round}. ${event.name}: whole after ${Math.round(last - startedMs)} ms`);
    if (pairs.length > 0) this.fail(`${round}. ${event.name}: ${pairs.length} pairs broken`, pairs);
    const stuck = this.prober.stuckStreams(STREAM_LIMIT_MS);
    if (stuck.length > 0) this.fail(`${round}. ${event.name}: streams`, stuck);
  }

  private fail(what: string, parts: readonly string[]): void {
    const failure = `${what}: ${parts.slice(0, 5).join(', ')}${parts.length > 5 ? ', …' : ''}`;
    this.failures.push(failure);
    this.options.say(`FAILED ${failure}`);
  }

  private async draw(): Promise<Event> {
    const node = this.pick(NODES);
    const kinds = DAMAGES.length + 8;
    const kind = this.below(kinds);
    const damage = DAMAGES[kind];
    const places = await placesOf(node);
    if (damage === undefined) return this.drawOther(node, kind - DAMAGES.length, places);
    const place = this.pick(places[damage.where] ?? []);
    const random = this.below(1 << 30);
    const name = `node ${node} ${place.name}: ${damage.name}`;
    return { name, run: () => shell(place, damage.script, random) };
  }

  private drawOther(node: number, kind: number, places: Record<string, Place[]>): Event {
    const taken = (['overlay', 'ingress', 'sandbox'] as const)[kind];
    if (taken !== undefined) return this.drawNamespace(places, taken);
    if (kind === 3) {
      const place = this.pick(places['overlay'] ?? []);
      const name = `node ${node} ${place.name}: overlay: connections flushed`;
      return { name, run: async () => flushConnections(place) };
    }
    if (kind < 6)
      return { name: `node ${node}: agent killed and started`, run: () => restartAgent(node) };
    const durationMs = this.below(CUT_MAX_MS);
    const name = `node ${node} for ${durationMs} ms: cable cut`;
    return { name, run: () => cutLink(node, durationMs) };
  }

  private drawNamespace(places: Record<string, Place[]>, where: Where): Event {
    const place = this.pick(places[where] ?? []);
    const name = `node ${place.node} ${place.name}: ${where}: namespace taken away`;
    return { name, run: () => takeAway(place) };
  }

  /** Waits until nothing is lost for a while. */
  private async settled(): Promise<void> {
    for (let attempt = 0; attempt < 60; attempt += 1) {
      const startedMs = performance.now();
      await wait(WATCHED_MS + ANSWER_MS);
      const { pairs } = this.prober.losses(startedMs, startedMs + WATCHED_MS);
      if (pairs.length === 0 && this.prober.stuckStreams(STREAM_LIMIT_MS).length === 0) return;
    }
    this.fail('never at rest', this.prober.losses(performance.now() - WATCHED_MS).pairs);
  }

  private compare(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): void {
    for (const name of new Set([...before.keys(), ...after.keys()])) {
      const was = new Set((before.get(name) ?? '').split('\n'));
      const is = new Set((after.get(name) ?? '').split('\n'));
      const gone = [...was].filter((line) => !is.has(line)).map((line) => `- ${line}`);
      const come = [...is].filter((line) => !was.has(line)).map((line) => `+ ${line}`);
      if (gone.length + come.length > 0)
        this.fail(`${name} differs in the end`, [...gone, ...come]);
    }
  }

  private below(limit: number): number {
    return this.rng.nextU32() % limit;
  }

  private pick<T>(items: readonly T[]): T {
    const item = items[this.below(Math.max(1, items.length))];
    if (item === undefined) throw new Error('nothing to break here');
    return item;
  }
}
