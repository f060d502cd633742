/**
 * A few nodes and networks, and a network between them that loses, repeats, delays and parts: a
 * storm, in which nodes write, restart, leave and are taken for dead, and then a calm, after which
 * everyone must see exactly what the owners have. One seed gives one run.
 */
import { SeededRng, randomBelow } from '../../../../src/base/index.ts';
import type { NetworkId } from '../../../../src/model/index.ts';
import { TOMBSTONE_LIFE_MS } from '../../../../src/gossip/tables/limits.ts';
import { nameInOwner } from '../../../../src/gossip/tables/rows/row.ts';
import { bytes, contents, makeNode, nameOf, syncNodes, text, type TestNode } from '../support.ts';

/** Chances are per thousand and step. */
export interface Weather {
  readonly nodes: number;
  readonly networks: number;
  readonly steps: number;
  readonly stepMs: number;
  readonly keys: number;
  readonly writes: number;
  readonly drops: number;
  readonly repeats: number;
  readonly delayStepsMax: number;
  readonly syncs: number;
  readonly partitions: number;
  readonly restarts: number;
  /** Of restarted nodes that know a time later than all of their earlier lives. */
  readonly knowTime: number;
  readonly moves: number;
  readonly suspicions: number;
  /** Leaps over the life of tombstones. */
  readonly leaps: number;
  readonly messageBytesMax: number;
  readonly tombstonesMax: number;
}

const CALM_ROUNDS_MAX = 80;
const PACKET_BYTES = 1300;
const GOSSIP_FANOUT = 2;

interface Flight {
  readonly from: number;
  readonly to: number;
  readonly message: Uint8Array;
  readonly atStep: number;
}

/** A node, what it has written, and what its host has been told. */
interface Inhabitant {
  node: TestNode;
  readonly truth: Map<NetworkId, Map<string, string>>;
  mirror: Map<string, string>;
  lives: number;
}

export class World {
  readonly weather: Weather;
  private readonly seed: number;
  private readonly rng: SeededRng;
  private readonly ids: readonly string[];
  private readonly networks: readonly NetworkId[];
  private readonly everWritten = new Set<string>();
  private inhabitants: readonly Inhabitant[];
  private flights: Flight[] = [];
  private sides: readonly number[];
  private nowMs = 1_000_000;
  private step = 0;

  constructor(seed: number, weather: Partial<Weather> = {}) {
    this.seed = seed;
    this.rng = new SeededRng(seed);
    this.weather = { ...this.drawWeather(), ...weather };
    this.ids = Array.from({ length: this.weather.nodes }, (_, index) => `n${index}`);
    this.networks = Array.from(
      { length: this.weather.networks },
      (_, index) => `net-${index}` as NetworkId,
    );
    this.sides = this.ids.map(() => 0);
    this.inhabitants = this.ids.map((id) => ({
      node: this.born(id, 0),
      truth: new Map(),
      mirror: new Map(),
      lives: 1,
    }));
    for (const index of this.ids.keys())
      for (const network of this.networks) if (this.chance(700)) this.join(index, network);
  }

  /** Throws when something does not hold. */
  run(): void {
    for (this.step = 0; this.step < this.weather.steps; this.step += 1) this.storm();
    this.calm();
  }

  private drawWeather(): Weather {
    const upTo = (most: number): number => (this.chance(400) ? 0 : randomBelow(this.rng, most + 1));
    return {
      nodes: 2 + randomBelow(this.rng, 7),
      networks: 1 + randomBelow(this.rng, 2),
      steps: 300,
      stepMs: 200,
      keys: 2 + randomBelow(this.rng, 8),
      writes: 20 + randomBelow(this.rng, 300),
      drops: upTo(500),
      repeats: upTo(300),
      delayStepsMax: upTo(20),
      syncs: 5 + randomBelow(this.rng, 60),
      partitions: upTo(40),
      restarts: upTo(10),
      knowTime: upTo(1000),
      moves: upTo(15),
      suspicions: upTo(20),
      leaps: upTo(15),
      messageBytesMax: this.chance(500) ? 700 : 61_440,
      tombstonesMax: this.chance(300) ? 2 : 4096,
    };
  }

  private storm(): void {
    const { weather } = this;
    this.nowMs += weather.stepMs;
    if (this.chance(weather.leaps)) this.nowMs += TOMBSTONE_LIFE_MS;
    if (this.chance(weather.partitions))
      this.sides = this.ids.map(() => randomBelow(this.rng, this.chance(500) ? 1 : 2));
    for (const index of this.ids.keys()) {
      if (this.chance(weather.writes)) this.writeSomething(index);
      if (this.chance(weather.restarts)) this.restart(index);
      if (this.chance(weather.moves)) this.move(index);
      if (this.chance(weather.suspicions)) this.suspect(index);
      this.gossip(index);
      if (this.chance(weather.syncs)) this.sync(index);
    }
    this.deliver();
    for (const inhabitant of this.inhabitants) this.checkRows(inhabitant);
  }

  private calm(): void {
    this.sides = this.ids.map(() => 0);
    for (const index of this.ids.keys()) this.tellMembership(index);
    for (let round = 0; round < CALM_ROUNDS_MAX; round += 1) {
      this.nowMs += 1000;
      this.step += this.weather.delayStepsMax + 1;
      for (const index of this.ids.keys()) {
        this.gossip(index);
        this.sync(index);
      }
      while (this.flights.length > 0) {
        this.step += 1;
        this.deliver();
      }
    }
    for (const inhabitant of this.inhabitants) this.checkRows(inhabitant);
    for (const index of this.ids.keys()) this.checkConverged(index);
    for (const network of this.networks) this.checkEqual(network);
  }

  /** Everyone is alive, and has the networks that it has. */
  private tellMembership(index: number): void {
    const { tables } = this.at(index).node;
    for (const [other, { node, truth }] of this.inhabitants.entries()) {
      if (other === index) continue;
      tables.restoreOwner(node.id);
      for (const network of this.networks)
        tables.setOwnerNetwork(node.id, network, truth.has(network));
    }
  }

  private born(id: string, firstTime: number): TestNode {
    const { messageBytesMax, tombstonesMax } = this.weather;
    const limits = { messageBytesMax, tombstonesPerOwnerMax: tombstonesMax };
    const others = this.ids.filter((other) => other !== id);
    return makeNode(id, others, { limits, firstTime, networks: [] });
  }

  private writeSomething(index: number): void {
    const { node, truth } = this.at(index);
    const network = this.pick([...truth.keys()]);
    if (network === undefined) return;
    const key = `k${randomBelow(this.rng, this.weather.keys)}`;
    const name = nameOf(key, network);
    const rows = truth.get(network);
    if (this.chance(400)) {
      rows?.delete(key);
      node.tables.delete(name, this.nowMs);
      return;
    }
    // Few values, so that earlier lives are met again.
    const value = `${randomBelow(this.rng, 4)}`.repeat(1 + randomBelow(this.rng, 80));
    rows?.set(key, value);
    this.everWritten.add(`${network} ${node.id}/${key}=${value}`);
    const outcome = node.tables.put(name, bytes(value), this.nowMs);
    if (outcome !== 'written' && outcome !== 'unchanged') throw this.trouble(outcome);
  }

  /** All is forgotten; the host writes some of its rows again. */
  private restart(index: number): void {
    const inhabitant = this.at(index);
    const { id } = inhabitant.node;
    const firstTime = this.chance(this.weather.knowTime) ? this.nowMs : randomBelow(this.rng, 3);
    inhabitant.node = this.born(id, firstTime);
    inhabitant.mirror = new Map();
    inhabitant.lives += 1;
    for (const [network, rows] of inhabitant.truth) {
      inhabitant.node.tables.joinNetwork(network, this.nowMs);
      for (const [key, value] of rows)
        if (this.chance(500)) rows.delete(key);
        else inhabitant.node.tables.put(nameOf(key, network), bytes(value), this.nowMs);
    }
  }

  private move(index: number): void {
    const { node, truth } = this.at(index);
    const network = this.pick(this.networks);
    if (network === undefined) return;
    if (!truth.has(network)) {
      this.join(index, network);
      return;
    }
    truth.delete(network);
    node.tables.leaveNetwork(network, this.nowMs);
  }

  private join(index: number, network: NetworkId): void {
    const { node, truth } = this.at(index);
    truth.set(network, new Map());
    node.tables.joinNetwork(network, this.nowMs);
  }

  private suspect(index: number): void {
    const { node } = this.at(index);
    const other = this.pick(this.inhabitants.filter((_, at) => at !== index));
    if (other === undefined) return;
    const { id } = other.node;
    const what = randomBelow(this.rng, 5);
    if (what === 0) node.tables.forgetOwner(id);
    else if (what === 1) node.tables.hideOwner(id);
    else if (what === 2) node.tables.restoreOwner(id);
    else this.hideForAMoment(node, other.node);
  }

  private hideForAMoment(node: TestNode, { id }: TestNode): void {
    node.tables.restoreOwner(id);
    const seen = this.networks.flatMap((network) => contents(node, network));
    node.tables.hideOwner(id);
    node.tables.restoreOwner(id);
    const seenAgain = this.networks.flatMap((network) => contents(node, network));
    if (seen.join() !== seenAgain.join())
      throw this.trouble(`${node.id} lost rows of ${id} by hiding them`);
  }

  private gossip(index: number): void {
    const { node } = this.at(index);
    for (const network of node.tables.networksWithNews) {
      const peers = this.peersOf(index, network);
      for (let target = 0; target < GOSSIP_FANOUT && peers.length > 0; target += 1)
        for (const message of node.tables.takeBroadcasts(network, PACKET_BYTES, peers.length + 1))
          this.send({ from: index, to: this.pick(peers) ?? index, message });
    }
  }

  private sync(index: number): void {
    const { node, truth } = this.at(index);
    for (const network of truth.keys()) {
      const peer = this.pick(this.peersOf(index, network));
      if (peer === undefined) continue;
      for (const message of node.tables.beginSync(network, this.nowMs))
        this.send({ from: index, to: peer, message });
    }
  }

  private peersOf(index: number, network: NetworkId): number[] {
    return [...this.ids.keys()].filter(
      (other) => other !== index && this.at(other).truth.has(network),
    );
  }

  private send(flight: Omit<Flight, 'atStep'>): void {
    const isStorm = this.step < this.weather.steps;
    const copies = isStorm && this.chance(this.weather.repeats) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (isStorm && this.chance(this.weather.drops)) continue;
      const delay = randomBelow(this.rng, this.weather.delayStepsMax + 1);
      this.flights.push({ ...flight, atStep: this.step + delay });
    }
  }

  private deliver(): void {
    const due = this.flights.filter(({ atStep }) => atStep <= this.step);
    this.flights = this.flights.filter(({ atStep }) => atStep > this.step);
    for (const { from, to, message } of due) {
      if (this.sides[from] !== this.sides[to]) continue;
      if (message.length > this.weather.messageBytesMax && message.length > PACKET_BYTES)
        throw this.trouble(`a message of ${message.length} bytes`);
      const { node } = this.at(to);
      for (const answer of node.tables.receive(message, this.at(from).node.id, this.nowMs))
        this.send({ from: to, to: from, message: answer });
    }
  }

  /** What readers see was once written, and is what they were told by changes. */
  private checkRows({ node, mirror }: Inhabitant): void {
    for (const change of node.tables.drainChanges()) {
      const name = `${change.networkId} ${change.owner}/${nameInOwner(change)}`;
      if (mirror.has(name) === (change.change === 'added'))
        throw this.trouble(`${node.id} is told that ${name} is ${change.change}`);
      if (change.change === 'removed') mirror.delete(name);
      else mirror.set(name, text(change.value) ?? '');
    }
    let count = 0;
    for (const network of this.networks)
      for (const row of node.tables.rows(network)) {
        count += 1;
        const value = text(row.value) ?? '';
        if (!this.everWritten.has(`${network} ${row.owner}/${row.key}=${value}`))
          throw this.trouble(`${node.id} sees ${row.owner}/${row.key}, which nobody wrote`);
        if (mirror.get(`${network} ${row.owner}/${nameInOwner(row)}`) !== value)
          throw this.trouble(`${node.id} was not told of ${row.owner}/${row.key}`);
      }
    if (count !== mirror.size) throw this.trouble(`${node.id} was not told of a removal`);
  }

  private checkConverged(index: number): void {
    const { node, truth, lives } = this.at(index);
    // The owner's last word would repair most mistakes, and nobody would know of them.
    if (lives === 1 && node.tables.counters.heals > 0)
      throw this.trouble(`${node.id} had to repair what nobody can have broken`);
    for (const network of this.networks) {
      const expected = truth.has(network) ? this.everyonesRows(network) : [];
      const seen = contents(node, network);
      const surplus = seen.filter((row) => !expected.includes(row));
      const missing = expected.filter((row) => !seen.includes(row));
      if (surplus.length + missing.length > 0)
        throw this.trouble(`${node.id} sees ${surplus.join()}, and not ${missing.join()}`);
    }
  }

  private everyonesRows(network: NetworkId): string[] {
    return this.inhabitants
      .flatMap(({ node, truth }) =>
        [...(truth.get(network) ?? [])].map(([key, value]) => `${node.id}/${key}=${value}`),
      )
      .sort();
  }

  /** Nobody has anything to tell anyone. */
  private checkEqual(network: NetworkId): void {
    const [first, ...others] = this.inhabitants.filter(({ truth }) => truth.has(network));
    for (const other of others) {
      if (first === undefined) return;
      const { bytes: cost } = syncNodes(first.node, other.node, {
        nowMs: this.nowMs,
        networkId: network,
      });
      const digests = first.node.tables.beginSync(network, this.nowMs);
      const digestBytes = digests.reduce((sum, { length }) => sum + length, 0);
      if (cost !== digestBytes) throw this.trouble(`${other.node.id} differs after the calm`);
    }
  }

  private at(index: number): Inhabitant {
    const inhabitant = this.inhabitants[index];
    if (inhabitant === undefined) throw this.trouble(`no node ${index}`);
    return inhabitant;
  }

  private pick<Item>(items: readonly Item[]): Item | undefined {
    return items.length === 0 ? undefined : items[randomBelow(this.rng, items.length)];
  }

  private chance(perThousand: number): boolean {
    return randomBelow(this.rng, 1000) < perThousand;
  }

  private trouble(what: string): Error {
    return new Error(`seed ${this.seed}, step ${this.step}: ${what}`);
  }
}
