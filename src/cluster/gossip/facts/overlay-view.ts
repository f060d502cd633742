/**
 * A node's view with what gossip knows beside it. The rows are what managers mean; gossip says only
 * whether an endpoint they mean can be used at this moment. So it never adds a row, and changes
 * nothing but `isUp` of peers and `isServing` of endpoints.
 *
 *   lost host                       -> does not serve, whatever its rows say
 *   its node says it is draining    -> does not serve, before the manager's row says so
 *   its node says it is ready       -> serves, if managers want it to and wait but for the report
 *   nothing is said of it           -> as the row says
 */
import type { EndpointRow, NodeId, NodeView, PeerRow, TaskId } from '../../../model/index.ts';

export interface Findings {
  /** Nodes that are gone: neither their agents nor their hosts answer, or they have left. */
  readonly isLost: (nodeId: NodeId) => boolean;
  /** What the node that an endpoint is on says of it. */
  readonly stateOf: (taskId: TaskId, nodeId: NodeId) => 'ready' | 'draining' | undefined;
}

export class ViewOverlay {
  /** One object for each row: who compares rows finds those that stay as they are. */
  private readonly turned = new WeakMap<EndpointRow, EndpointRow>();
  private readonly down = new WeakMap<PeerRow, PeerRow>();
  private last: { readonly base: NodeView; readonly overlaid: NodeView } | undefined;

  /** The same object as the last time if nothing is different. */
  apply(view: NodeView, findings: Findings): NodeView {
    const peers = mapped(view.peers, (row) => this.peer(row, findings));
    const endpoints = mapped(view.endpoints, (row) => this.endpoint(row, findings));
    const { last } = this;
    if (
      last?.base === view &&
      isSameRows(last.overlaid.peers, peers) &&
      isSameRows(last.overlaid.endpoints, endpoints)
    )
      return last.overlaid;
    const isAsTold = peers === view.peers && endpoints === view.endpoints;
    const overlaid = isAsTold ? view : { ...view, peers, endpoints };
    this.last = { base: view, overlaid };
    return overlaid;
  }

  private peer(row: PeerRow, { isLost }: Findings): PeerRow {
    if (!row.isUp || !isLost(row.nodeId)) return row;
    const known = this.down.get(row);
    if (known !== undefined) return known;
    const down = { ...row, isUp: false };
    this.down.set(row, down);
    return down;
  }

  private endpoint(row: EndpointRow, findings: Findings): EndpointRow {
    if (serves(row, findings) === row.isServing) return row;
    const known = this.turned.get(row);
    if (known !== undefined) return known;
    const turned = { ...row, isServing: !row.isServing };
    this.turned.set(row, turned);
    return turned;
  }
}

function serves(row: EndpointRow, { isLost, stateOf }: Findings): boolean {
  if (isLost(row.nodeId)) return false;
  const state = stateOf(row.taskId, row.nodeId);
  if (state === undefined) return row.isServing;
  return state === 'ready' && (row.isServing || row.isWanted === true);
}

/** The map itself when no row is another one. */
function mapped<Key, Row>(
  rows: ReadonlyMap<Key, Row>,
  change: (row: Row) => Row,
): ReadonlyMap<Key, Row> {
  let changed: Map<Key, Row> | undefined;
  for (const [key, row] of rows) {
    const other = change(row);
    if (other === row) continue;
    changed ??= new Map(rows);
    changed.set(key, other);
  }
  return changed ?? rows;
}

/** Precondition: both have the same keys. */
function isSameRows<Key, Row>(one: ReadonlyMap<Key, Row>, other: ReadonlyMap<Key, Row>): boolean {
  if (one === other) return true;
  for (const [key, row] of one) if (other.get(key) !== row) return false;
  return true;
}
