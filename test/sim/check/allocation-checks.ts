/**
 * No address, VNI, published port or node index has two holders: in the replicated state, followed
 * change by change; and among the containers that really run.
 */
import {
  isTerminal,
  type Attachment,
  type NodeId,
  type TaskId,
  type VirtualIp,
} from '../../../src/model/index.ts';
import type { Change } from '../../../src/store/index.ts';
import { violated } from '../engine/violation.ts';

const CHECKER = 'allocation';

/** What one row of the state holds, by unique names. */
type Holdings = readonly string[];

export class AllocationChecks {
  private readonly holders = new Map<string, string>();
  private readonly running = new Map<string, { readonly task: TaskId; readonly node: NodeId }>();
  private readonly places = new Map<TaskId, readonly string[]>();
  /** Nodes whose containers nobody answers for. */
  private readonly abandoned = new Set<NodeId>();
  private readonly orphans = new Set<TaskId>();

  /** One command's changes. Releases come first, because a row may hand to another. */
  changed(changes: readonly Change[]): void {
    for (const change of changes) this.noteAbandoned(change);
    const rows = lastOfEach(changes);
    for (const [row, { before }] of rows)
      for (const name of before) if (this.holders.get(name) === row) this.holders.delete(name);
    for (const [row, { after }] of rows) for (const name of after) this.hold(row, name);
  }

  /** A container runs, with addresses that nobody else may be using. */
  started(node: NodeId, task: TaskId, attachments: readonly Attachment[]): void {
    const places = attachments.map(({ networkId, address }) => `${networkId}/${address}`);
    this.places.set(task, places);
    for (const place of places) {
      const other = this.running.get(place);
      this.running.set(place, { task, node });
      if (other === undefined || other.task === task) continue;
      if (this.abandoned.has(other.node) || this.orphans.has(other.task)) continue;
      const where = `${task} on ${node} and ${other.task} on ${other.node}`;
      violated(CHECKER, `${place} is used by ${where} at once`);
    }
  }

  ended(task: TaskId): void {
    for (const place of this.places.get(task) ?? [])
      if (this.running.get(place)?.task === task) this.running.delete(place);
    this.places.delete(task);
  }

  private hold(row: string, name: string): void {
    const holder = this.holders.get(name) ?? row;
    if (holder !== row) violated(CHECKER, `${name} is given to ${row}, but ${holder} has it`);
    this.holders.set(name, row);
  }

  private noteAbandoned(change: Change): void {
    if (change.kind === 'node' && change.after === undefined) this.abandoned.add(change.id);
    if (change.kind === 'task' && change.after?.status.state === 'orphaned')
      this.orphans.add(change.id);
  }
}

interface Transition {
  readonly before: Holdings;
  readonly after: Holdings;
}

/** A command may change a row several times; what counts is the first `before` and last `after`. */
function lastOfEach(changes: readonly Change[]): ReadonlyMap<string, Transition> {
  const rows = new Map<string, Transition>();
  for (const change of changes) {
    const row = change.kind === 'cluster' ? 'cluster' : `${change.kind} ${change.id}`;
    const before = rows.get(row)?.before ?? holdingsOf(change, 'before');
    rows.set(row, { before, after: holdingsOf(change, 'after') });
  }
  return rows;
}

function holdingsOf(change: Change, side: 'before' | 'after'): Holdings {
  switch (change.kind) {
    case 'cluster':
      return [];
    case 'node': {
      const node = change[side];
      return node === undefined ? [] : [`node index ${node.index}`];
    }
    case 'network': {
      const subnets = change[side]?.subnets ?? [];
      return subnets.flatMap(({ vni, prefix, gateway }) => [
        `vni ${vni}`,
        `subnet ${prefix}`,
        addressName({ networkId: change.id, address: gateway }),
      ]);
    }
    case 'service': {
      const service = change[side];
      const ports = (service?.ports ?? []).filter(({ PublishMode }) => PublishMode === 'ingress');
      return [
        ...(service?.virtualIps ?? []).map(addressName),
        ...ports.map(({ Protocol, PublishedPort }) => `port ${PublishedPort}/${Protocol}`),
      ];
    }
    case 'task': {
      const task = change[side];
      const isLive = task !== undefined && !isTerminal(task.status.state);
      return isLive ? task.attachments.map(addressName) : [];
    }
  }
}

function addressName({ networkId, address }: VirtualIp): string {
  return `address ${address} of ${networkId}`;
}
