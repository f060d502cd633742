/** The commands that scenarios of gossip are written in. */
import type { Gossip, MemberEvent } from '../../../src/gossip/index.ts';
import type { RowKind } from '../../../src/gossip/tables/rows/row.ts';
import type { NetworkId, NodeId } from '../../../src/model/index.ts';
import { table, type ScenarioCommand, type ScenarioRunner } from '../../store/scenario.ts';
import { World, type SimNode } from '../sim/world.ts';

const KIND = 1 as RowKind;

/** A world of nodes n1, n2, … that know each other, and the interpreter of commands on it. */
export function gossipScript(): ScenarioRunner {
  let script: Script | undefined;
  return (command) => {
    if (command.words[0] === 'nodes') {
      script = new Script(command);
      return [];
    }
    if (script === undefined) throw new Error('a scenario begins with nodes');
    return script.run(command);
  };
}

class Script {
  private readonly world: World;
  private toldSightings = 0;

  /** `nodes N [loss=N] [apart=yes] [namesake=yes]`: with `apart`, they run but know nobody. */
  constructor({ words, options }: ScenarioCommand) {
    const namesakes = options['namesake'] === 'yes' ? 1 : 0;
    this.world = new World({
      nodes: Number(words[1]),
      seed: Number(options['seed'] ?? 1),
      loss: Number(options['loss'] ?? 0),
      // A namesake: the last two nodes have one id.
      idOf: (index) => `n${Math.min(index + 1, Number(words[1]) - namesakes)}`,
      hasRows: true,
    });
    if (options['apart'] === 'yes')
      for (const { index } of this.world.nodes) this.world.start(index);
    else this.world.startAcquainted();
  }

  run({ words, options }: ScenarioCommand): readonly string[] {
    const [verb = '', ...names] = words;
    const [name = '', other = ''] = names;
    switch (verb) {
      case 'run':
        this.world.run(Number(name) * 1000);
        return this.events();
      case 'crash':
        this.world.crash(this.node(name).index);
        return [];
      case 'start':
        return this.start(this.node(name), options);
      case 'join':
        return this.command(name, (gossip, nowMs) =>
          gossip.join([this.node(other).address], nowMs),
        );
      case 'leave':
        return this.command(name, (gossip, nowMs) => gossip.leave(nowMs));
      case 'doubt':
        return this.command(name, (gossip, nowMs) => gossip.doubt(other as NodeId, nowMs));
      case 'meta':
        return this.command(name, (gossip, nowMs) => gossip.setMeta(Buffer.from(other), nowMs));
      case 'pause':
        this.world.pause(this.node(name).index, Number(other) * 1000);
        return [];
      case 'cut':
        for (const cut of names) this.world.sides.set(this.node(cut).index, 1);
        return [];
      case 'heal':
        this.world.sides.clear();
        return [];
      case 'members':
        return this.members(this.node(name));
      default:
        return this.runOnNetwork(verb, names);
    }
  }

  private runOnNetwork(verb: string, names: readonly string[]): readonly string[] {
    const [name = '', text = '', key = '', value = ''] = names;
    const networkId = text as NetworkId;
    const { tables } = this.node(name);
    switch (verb) {
      case 'join-network':
        return this.command(name, (gossip, nowMs) => {
          tables?.joinNetwork(networkId, nowMs);
          gossip.joinNetwork(networkId, nowMs);
        });
      case 'leave-network':
        return this.command(name, (gossip, nowMs) => {
          tables?.leaveNetwork(networkId, nowMs);
          gossip.leaveNetwork(networkId, nowMs);
        });
      case 'put':
        return this.command(name, (_, nowMs) => {
          tables?.put({ networkId, kind: KIND, key }, Buffer.from(value), nowMs);
        });
      case 'delete':
        return this.command(name, (_, nowMs) => {
          tables?.delete({ networkId, kind: KIND, key }, nowMs);
        });
      case 'rows': {
        const rows = [...(tables?.rows(networkId) ?? [])];
        const lines = rows.map((row) => [row.owner, row.key, Buffer.from(row.value).toString()]);
        return table(lines.toSorted((a, b) => a.join(' ').localeCompare(b.join(' '))));
      }
      default:
        throw new Error(`no such command: ${verb}`);
    }
  }

  /** `start NAME [at=HOST] [join=NAME] [incarnation=N]`: a new life, without memory. */
  private start(node: SimNode, options: ScenarioCommand['options']): readonly string[] {
    if (options['at'] !== undefined) this.world.move(node.index, options['at']);
    const incarnation = Number(options['incarnation'] ?? 0);
    this.world.start(node.index, { incarnation });
    const seed = options['join'];
    if (seed !== undefined)
      this.world.command(node.index, (gossip, nowMs) =>
        gossip.join([this.node(seed).address], nowMs),
      );
    return [];
  }

  private command(
    name: string,
    run: (gossip: Gossip, nowMs: number) => unknown,
  ): readonly string[] {
    this.world.command(this.node(name).index, run);
    return [];
  }

  private node(name: string): SimNode {
    return this.world.node(Number(name.slice(1)) - 1);
  }

  /** What has happened since this was last asked: each event, first and last seen, and by whom. */
  private events(): readonly string[] {
    const sightings = this.world.sightings.slice(this.toldSightings);
    this.toldSightings = this.world.sightings.length;
    const told = new Map<string, { fromMs: number; toMs: number; by: number[] }>();
    for (const { atMs, observer, event } of sightings) {
      const text = textOf(event, `n${observer + 1}`);
      const line = told.get(text) ?? { fromMs: atMs, toMs: atMs, by: [] };
      told.set(text, { ...line, toMs: atMs, by: [...line.by, observer + 1] });
    }
    return table(
      [...told].map(([text, { fromMs, toMs, by }]) => [
        `${(fromMs / 1000).toFixed(1)}–${(toMs / 1000).toFixed(1)} s`,
        text,
        text.includes(' itself') ? '' : `seen by ${namesOf(by)}`,
      ]),
    );
  }

  private members({ gossip }: SimNode): readonly string[] {
    const members = (gossip?.members ?? []).toSorted((a, b) => a.id.localeCompare(b.id));
    return table(
      members.map(({ id, state, incarnation, address, meta, networks }) => [
        id,
        state,
        String(incarnation),
        address.host,
        Buffer.from(meta).toString(),
        networks.toSorted().join(','),
      ]),
    );
  }
}

function textOf(event: MemberEvent, observer: string): string {
  switch (event.kind) {
    case 'member.forgotten':
      return `${event.id} forgotten`;
    case 'member.conflict':
      return `${event.id} also claimed at ${event.claimed.host}`;
    case 'self.refuted':
      return `${observer} refutes for itself, incarnation ${event.incarnation}`;
    case 'self.conflict':
      return `${observer} hears of itself at ${event.claimed.host}`;
    case 'self.joined':
      return `${observer} itself has joined`;
    case 'self.left':
      return `${observer} itself has left`;
    default:
      return `${event.member.id} ${event.kind.slice('member.'.length)}`;
  }
}

function namesOf(indexes: readonly number[]): string {
  return [...new Set(indexes)]
    .toSorted((a, b) => a - b)
    .map((index) => `n${index}`)
    .join(' ');
}
