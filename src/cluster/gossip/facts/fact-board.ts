/**
 * The facts in this node's tables: writes its own, and keeps what others say ready to be asked for.
 */
import {
  FACT_KINDS,
  GossipError,
  decodeFact,
  encodeFact,
  factKey,
  type Fact,
  type NetworkTables,
  type RowChange,
} from '../../../gossip/index.ts';
import type { NetworkId, NodeId, Revision, TaskId } from '../../../model/index.ts';
import type { OwnFact } from './own-facts.ts';

type EndpointState = 'ready' | 'draining';

export class FactBoard {
  /** Own facts that the tables had no room for, and others' that could not be read. */
  refused = 0;
  private readonly tables: NetworkTables;
  private readonly written = new Map<string, OwnFact>();
  /** By task, then by owner and network: nobody keeps a node from speaking of others' tasks. */
  private readonly endpoints = new Map<TaskId, Map<string, EndpointState>>();
  private readonly acknowledged = new Map<NetworkId, Map<NodeId, Revision>>();

  constructor(tables: NetworkTables) {
    this.tables = tables;
  }

  /** Holds the tables to these facts and no others. */
  write(facts: readonly OwnFact[], nowMs: number): void {
    const wanted = new Map(facts.map((fact) => [keyOf(fact), fact]));
    for (const [key, { name }] of this.written) {
      if (wanted.has(key)) continue;
      this.written.delete(key);
      this.tables.delete(name, nowMs);
    }
    for (const [key, fact] of wanted) if (this.put(fact, nowMs)) this.written.set(key, fact);
  }

  acknowledge(networkId: NetworkId, revision: Revision, nowMs: number): void {
    const fact = { kind: 'acknowledged', revision } as const;
    this.put({ name: { networkId, ...factKey(fact) }, value: encodeFact(fact) }, nowMs);
  }

  /** Takes in what became visible, or is so no more; whether there was anything. */
  takeChanges(): boolean {
    const changes = this.tables.drainChanges();
    for (const change of changes) this.take(change);
    return changes.length > 0;
  }

  /** What `nodeId` says of an endpoint of its own. */
  stateOf(taskId: TaskId, nodeId: NodeId): EndpointState | undefined {
    const said = this.endpoints.get(taskId);
    if (said === undefined) return undefined;
    let found: EndpointState | undefined;
    for (const [place, state] of said)
      if (place.startsWith(`${nodeId} `) && found !== 'draining') found = state;
    return found;
  }

  /** The oldest revision that a node of the network has acknowledged; undefined when none has. */
  lowestRevision(networkId: NetworkId): Revision | undefined {
    let lowest: Revision | undefined;
    for (const revision of this.acknowledged.get(networkId)?.values() ?? [])
      if (lowest === undefined || revision < lowest) lowest = revision;
    return lowest;
  }

  private put({ name, value }: OwnFact, nowMs: number): boolean {
    const outcome = this.tables.put(name, value, nowMs);
    if (outcome === 'written' || outcome === 'unchanged') return true;
    // Of a network that is not joined yet, facts are written again once it is.
    if (outcome !== 'unknown-network') this.refused += 1;
    return false;
  }

  private take(change: RowChange): void {
    const fact = this.factIn(change);
    if (change.kind === FACT_KINDS.endpoint)
      this.noteEndpoint(change, fact?.kind === 'endpoint' ? fact.state : undefined);
    if (change.kind === FACT_KINDS.acknowledged)
      this.noteRevision(change, fact?.kind === 'acknowledged' ? fact.revision : undefined);
  }

  private factIn(change: RowChange): Fact | undefined {
    if (change.change === 'removed') return undefined;
    try {
      return decodeFact(change.kind, change.value);
    } catch (error) {
      if (!(error instanceof GossipError)) throw error;
      this.refused += 1;
      return undefined;
    }
  }

  private noteEndpoint(row: RowChange, state: EndpointState | undefined): void {
    const taskId = row.key as TaskId;
    const said = this.endpoints.get(taskId) ?? new Map<string, EndpointState>();
    const place = `${row.owner} ${row.networkId}`;
    if (state === undefined) said.delete(place);
    else said.set(place, state);
    if (said.size === 0) this.endpoints.delete(taskId);
    else this.endpoints.set(taskId, said);
  }

  private noteRevision(row: RowChange, revision: Revision | undefined): void {
    const of = this.acknowledged.get(row.networkId) ?? new Map<NodeId, Revision>();
    if (revision === undefined) of.delete(row.owner);
    else of.set(row.owner, revision);
    if (of.size === 0) this.acknowledged.delete(row.networkId);
    else this.acknowledged.set(row.networkId, of);
  }
}

function keyOf({ name }: OwnFact): string {
  return `${name.networkId} ${name.kind}/${name.key}`;
}
