/** A client who looks after nodes: promotes, demotes, drains and removes them. */
import type { NodeSpec } from '../../../src/model/index.ts';
import type { SimNode } from '../node/sim-node.ts';
import { Client } from './client.ts';

/** More voters do not pay (`VOTERS_MAX`). */
const MANAGERS_MAX = 7;
/** A demotion of which nothing was heard may be on its way besides. */
const MANAGERS_MIN = 2;
const RESTORE_MS = 300;
const AVAILABILITIES: readonly NodeSpec['Availability'][] = ['active', 'active', 'pause', 'drain'];

export class Operator extends Client {
  private isBusy = false;

  changeRole(): void {
    const node = this.anyNode();
    if (node === undefined) return;
    const spec = this.world.leaderStore?.nodes.get(node.nodeId)?.spec;
    if (spec === undefined) return;
    const nodes = [...(this.world.leaderStore?.nodes.values() ?? [])];
    const count = nodes.filter((other) => other.spec.Role === 'manager').length;
    if (spec.Role === 'worker' && count < MANAGERS_MAX) this.change(node, { Role: 'manager' });
    if (spec.Role === 'manager' && count > MANAGERS_MIN) this.change(node, { Role: 'worker' });
  }

  changeAvailability(): void {
    const node = this.anyNode();
    const Availability = AVAILABILITIES[this.random(AVAILABILITIES.length)] ?? 'active';
    if (node !== undefined) this.change(node, { Availability });
  }

  /** A worker is given up for good; if its agent comes back, it has to join anew. */
  remove(): void {
    const node = this.anyNode();
    if (this.isBusy || node === undefined) return;
    this.isBusy = true;
    const atMs = this.world.wallMs;
    const command = { type: 'node.remove', atMs, id: node.nodeId, isForced: true } as const;
    this.ask({ kind: 'write', command }, () => void (this.isBusy = false));
  }

  /** When everything has healed: every node is to take tasks again. */
  restoreNodes(): void {
    const drained = [...(this.world.leaderStore?.nodes.values() ?? [])].find(
      ({ spec }) => spec.Availability !== 'active',
    );
    const node = this.world.nodes.find(({ nodeId }) => nodeId === drained?.id);
    if (node !== undefined) this.change(node, { Availability: 'active' });
    this.world.queue.after(RESTORE_MS, () => this.restoreNodes());
  }

  private anyNode(): SimNode | undefined {
    const { nodes } = this.world;
    return nodes[this.random(nodes.length)];
  }

  private change({ nodeId: id }: SimNode, change: Partial<NodeSpec>): void {
    const before = this.world.leaderStore?.nodes.get(id);
    if (this.isBusy || before === undefined) return;
    this.isBusy = true;
    const spec = { ...before.spec, ...change };
    const version = before.meta.revision;
    const atMs = this.world.wallMs;
    const command = { type: 'node.update', atMs, id, version, spec } as const;
    this.ask({ kind: 'write', command }, () => void (this.isBusy = false));
  }
}
