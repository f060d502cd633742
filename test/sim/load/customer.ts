/**
 * A client who creates, changes, scales, reads and removes services and networks. All customers use
 * the same few names, so that they get into each other's way. Each write carries a tag of its own.
 */
import type { NetworkId, PortConfig, ServiceId, ServiceSpec } from '../../../src/model/index.ts';
import type { Refusal } from '../../../src/store/index.ts';
import { networkSpec, serviceSpec } from '../../store/cluster-fixture.ts';
import type { ObjectOp } from '../check/history.ts';
import type { ApiAnswers, ReadResult } from '../engine/protocol.ts';
import { Client } from './client.ts';

type Table = 'service' | 'network';
type Write = Exclude<ObjectOp, { kind: 'read' }>;

interface Wish {
  readonly table: Table;
  readonly name: string;
  /** As the customer last saw it. */
  readonly known: ReadResult | undefined;
}

const REPLICAS_MAX = 5;
const IMAGES = 3;

export class Customer extends Client {
  private tags = 0;
  private readonly known = new Map<string, ReadResult | undefined>();
  private networks: readonly string[] = [];
  /** Stops asking after the present question. */
  isDone = false;

  start(): void {
    this.goOn();
  }

  private goOn(): void {
    const { queue, swarm } = this.world;
    queue.after(1 + this.random(swarm.thinkMaxMs), () => {
      if (!this.isDone) this.next();
    });
  }

  private next(): void {
    const { swarm } = this.world;
    const table: Table = this.random(4) === 0 ? 'network' : 'service';
    const count = table === 'network' ? swarm.networks : swarm.services;
    const name = `${table === 'network' ? 'net' : 'svc'}${this.random(count)}`;
    const wish = { table, name, known: this.known.get(name) };
    if (this.random(3) === 0) this.read(wish);
    else if (wish.known === undefined) this.create(wish);
    else if (this.random(5) === 0) this.remove(wish, wish.known);
    else if (table === 'service') this.update(wish, wish.known);
    else this.read(wish);
  }

  private read({ table, name }: Wish): void {
    const call = this.world.checks.history.call(name, { kind: 'read', found: 'absent' });
    this.ask({ kind: 'read', what: { table, name } }, (answer) => {
      if (answer.kind === 'read-result') {
        const { found, names } = answer;
        call.returned({ kind: 'read', found: found ?? 'absent' });
        this.known.set(name, found);
        this.networks = names;
      } else call.forget();
      this.goOn();
    });
  }

  private create({ table, name }: Wish): void {
    const tag = this.newTag();
    const id = `${name}-${tag}`;
    const op: Write = { kind: 'create', id, tag, result: 'unknown' };
    const atMs = this.world.wallMs;
    const Labels = { tag };
    if (table === 'service') {
      const spec = { ...this.serviceSpec(name), Labels };
      this.write(name, op, { type: 'service.create', atMs, id: id as ServiceId, spec });
    } else {
      const spec = networkSpec(name, { Labels });
      this.write(name, op, { type: 'network.create', atMs, id: id as NetworkId, spec });
    }
  }

  private update({ name }: Wish, { id, tag: expected, revision }: ReadResult): void {
    const tag = this.newTag();
    const spec = { ...this.serviceSpec(name), Labels: { tag } };
    const op: Write = { kind: 'update', id, expected, tag, result: 'unknown' };
    const command = { type: 'service.update', id: id as ServiceId, version: revision } as const;
    this.write(name, op, { ...command, atMs: this.world.wallMs, spec });
  }

  private remove({ table, name }: Wish, { id }: ReadResult): void {
    const atMs = this.world.wallMs;
    const op: Write = { kind: 'remove', id, result: 'unknown' };
    if (table === 'service')
      this.write(name, op, { type: 'service.remove', atMs, id: id as ServiceId });
    else this.write(name, op, { type: 'network.remove', atMs, id: id as NetworkId });
  }

  private write(
    name: string,
    op: Write,
    command: Extract<Parameters<Client['ask']>[0], { kind: 'write' }>['command'],
  ): void {
    const call = this.world.checks.history.call(name, op);
    this.ask({ kind: 'write', command }, (answer) => {
      this.learn(name, op, answer);
      if (answer.kind === 'written') {
        this.world.stats.writes += 1;
        call.returned({ ...op, result: resultOf(op, answer.refusal) } as Write);
      } else if (answer.kind === 'not-done') call.forget();
      this.goOn();
    });
  }

  /** Looks again before the next write, unless the last one said how things are. */
  private learn(name: string, op: Write, answer: ApiAnswers): void {
    const isRemoved = op.kind === 'remove' && answer.kind === 'written' && !answer.refusal;
    if (isRemoved || this.random(2) === 0) this.known.delete(name);
  }

  private newTag(): string {
    this.tags += 1;
    return `${this.name}.${this.tags}`;
  }

  /** The mode belongs to the name, because it cannot be changed. */
  private serviceSpec(name: string): ServiceSpec {
    const isGlobal = name === 'svc1';
    const known = this.networks.filter(() => this.random(3) > 0);
    return serviceSpec(name, {
      replicas: this.random(REPLICAS_MAX + 1),
      isGlobal,
      networks: known,
      mode: this.random(6) === 0 ? 'dnsrr' : 'vip',
      image: `image:${this.random(IMAGES)}`,
      ports: this.ports(),
      update: { Parallelism: this.random(3), Order: this.random(2) ? 'start-first' : 'stop-first' },
      task: { RestartPolicy: { Delay: this.random(3) * 1e9 } },
    });
  }

  private ports(): readonly PortConfig[] {
    return Array.from({ length: Math.max(0, this.random(4) - 1) }, (_, at) => ({
      Protocol: this.random(3) === 0 ? 'udp' : 'tcp',
      TargetPort: 80 + at,
      PublishedPort: this.random(3) === 0 ? 8000 + this.random(4) : 0,
      PublishMode: this.random(5) === 0 ? 'host' : 'ingress',
    }));
  }
}

function resultOf({ kind, id }: Write, refusal: Refusal | undefined): Write['result'] {
  if (refusal === undefined) return 'ok';
  const { code, message } = refusal;
  if (kind === 'create') return code === 'name-taken' ? 'taken' : 'refused';
  if (code === 'out-of-sequence') return 'stale';
  // What is not found may also be a network that the service is to be on.
  return code === 'not-found' && message.includes(id) ? 'gone' : 'refused';
}
