import { ipv4 } from '../../base/index.ts';
import type {
  Cluster,
  Network,
  NetworkId,
  Node,
  Revision,
  Service,
  Task,
  TaskSpec,
} from '../../model/index.ts';
import { holdsAddresses } from '../apply/index.ts';
import { NetworkAddresses } from '../pool/network-addresses.ts';
import type { NumberPool } from '../pool/number-pool.ts';
import { State } from '../state.ts';
import { ViewIndex } from '../view/view-index.ts';
import { PROTOCOLS, demand, type Kind } from './format.ts';

/**
 * A state that grows row by row, with its indexes, pools and views. Rows come in the order of
 * `KINDS`: a task finds its networks there. A row that is not one, or that does not go with those
 * before it, throws.
 */
export class Rebuild {
  readonly state = new State();
  readonly views: ViewIndex;
  private readonly specs: TaskSpec[] = [];

  constructor(revision: Revision) {
    this.state.revision = revision;
    this.views = new ViewIndex(this.state);
  }

  addSpecs(specs: readonly unknown[]): void {
    for (const spec of specs) this.specs.push(spec as TaskSpec);
  }

  /** Rows are not examined further than what the state needs: this program wrote them. */
  add(kind: Kind, row: unknown): void {
    if (kind === 'cluster') this.addCluster(row as Cluster);
    else if (kind === 'nodes') this.addNode(row as Node);
    else if (kind === 'networks') this.addNetwork(row as Network);
    else if (kind === 'services') this.addService(row as Service);
    else if (kind === 'tasks') this.addTask(row as Omit<Task, 'spec'> & { readonly spec: number });
    else if (kind === 'pools') this.setPool(row as readonly [string, number]);
    else this.setAddresses(row as readonly [NetworkId, readonly string[]]);
  }

  private addCluster(cluster: Cluster): void {
    demand(this.state.cluster === undefined, 'there is one cluster');
    this.state.cluster = cluster;
    this.views.note([{ kind: 'cluster', after: cluster }], cluster.meta.revision);
  }

  private addNode(node: Node): void {
    const { id, index, meta } = node;
    assertNew(this.state.nodes, id);
    this.state.nodes.set(id, node);
    this.state.nodeIndexes.claim(index);
    this.views.note([{ kind: 'node', id, after: node }], meta.revision);
  }

  private addNetwork(network: Network): void {
    const { id, subnets, meta } = network;
    assertNew(this.state.networks, id);
    this.state.networks.set(id, network);
    this.state.addresses.set(id, new NetworkAddresses(subnets));
    for (const { vni } of subnets) this.state.vnis.claim(vni);
    this.views.note([{ kind: 'network', id, after: network }], meta.revision);
  }

  private addService(service: Service): void {
    const { id, ports, virtualIps, meta } = service;
    assertNew(this.state.services, id);
    this.state.services.set(id, service);
    for (const port of ports) this.state.ports.add(port, id);
    for (const { networkId, address } of virtualIps) this.claim(networkId, address);
    this.specs.push(service.spec.TaskTemplate);
    this.views.note([{ kind: 'service', id, after: service }], meta.revision);
  }

  /** The fields keep their order, and with it the next snapshot its bytes. */
  private addTask(row: Omit<Task, 'spec'> & { readonly spec: number }): void {
    const spec = this.specs[row.spec];
    demand(spec !== undefined, 'a task has a spec');
    const task: Task = Object.assign(row, { spec });
    const { id, attachments, meta } = task;
    assertNew(this.state.tasks, id);
    this.state.tasks.set(id, task);
    if (holdsAddresses(task))
      for (const { networkId, address } of attachments) this.claim(networkId, address);
    this.views.note([{ kind: 'task', id, after: task }], meta.revision);
  }

  private setPool([name, cursor]: readonly [string, number]): void {
    const protocol = PROTOCOLS.find((known) => known === name);
    if (protocol !== undefined) setCursor(this.state.ports.automatic(protocol), cursor);
    else if (name === 'vni') setCursor(this.state.vnis, cursor);
    else if (name === 'node-index') setCursor(this.state.nodeIndexes, cursor);
  }

  private setAddresses([id, cursors]: readonly [NetworkId, readonly string[]]): void {
    const addresses = this.state.addresses.get(id);
    demand(addresses?.subnets.length === cursors.length, 'each subnet has its cursor');
    for (const [index, { pool }] of addresses.subnets.entries())
      setCursor(pool, ipv4(cursors[index] ?? ''));
  }

  private claim(networkId: NetworkId, address: string): void {
    const held = this.state.addresses.get(networkId)?.poolOf(address);
    held?.pool.claim(held.value);
  }
}

function assertNew<Id extends string>(table: { has(id: Id): boolean }, id: Id): void {
  demand(typeof id === 'string' && !table.has(id), 'a row has an id of its own');
}

function setCursor(pool: NumberPool, cursor: number): void {
  demand(Number.isInteger(cursor) && pool.covers(cursor), 'a cursor is in its pool');
  pool.cursor = cursor;
}
