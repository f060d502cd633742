/** A leader's end of one node's session: feeds it the difference to the rows it holds. */
import type { NodeId, Revision, ViewKey } from '../../../src/model/index.ts';
import type { PeerId } from '../../../src/raft/index.ts';
import { viewRows, type StampedRow, type Store } from '../../../src/store/index.ts';
import type { StreamEnd } from '../engine/network.ts';
import type { LeaderSays, NodeSays } from '../engine/protocol.ts';

type Hello = Extract<NodeSays, { kind: 'hello' }>;

export class DeskSession {
  readonly nodeId: NodeId;
  readonly end: StreamEnd;
  readonly hello: Hello;
  /** Of the manager on the node, if there is one. */
  peer: PeerId | undefined;
  /** Registered, so that rows may be sent. */
  isReady = false;
  isRegistering = false;
  private held: Map<ViewKey, Revision>;
  private readonly heldRevision: Revision;
  private fedRevision: Revision | undefined;
  private lastRole = '';

  constructor(end: StreamEnd, hello: Hello) {
    this.end = end;
    this.hello = hello;
    this.nodeId = hello.nodeId;
    this.peer = hello.peer;
    this.held = new Map(hello.held);
    this.heldRevision = hello.revision;
  }

  say(message: LeaderSays): void {
    this.end.send(message);
  }

  sayRole(role: 'worker' | 'manager', isMember: boolean): void {
    const text = `${role} ${isMember}`;
    if (text === this.lastRole) return;
    this.lastRole = text;
    this.say({ kind: 'role', role, isMember });
  }

  /** Sends what the node lacks; the first time even if it is nothing. */
  feed(store: Store): void {
    const { revision } = store;
    if (!this.isReady || this.fedRevision === revision) return;
    // A revision that has not been yet comes from another history.
    const isReset = this.fedRevision === undefined && this.heldRevision > revision;
    if (isReset) this.held.clear();
    const rows = viewRows(store, this.nodeId);
    const upserts: StampedRow[] = [];
    for (const [key, { revision: since, row }] of rows)
      if (this.held.get(key) !== since) upserts.push({ revision: since, row });
    const removes = [...this.held.keys()].filter((key) => !rows.has(key));
    const isFirst = this.fedRevision === undefined;
    this.fedRevision = revision;
    if (upserts.length === 0 && removes.length === 0 && !isFirst) return;
    this.held = new Map([...rows].map(([key, stamped]) => [key, stamped.revision]));
    this.say({ kind: 'rows', isReset, upserts, removes, revision });
  }
}
