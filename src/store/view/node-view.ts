import { unreachable } from '../../base/index.ts';
import type {
  AssignmentRow,
  EndpointRow,
  NetworkId,
  NetworkRow,
  NodeId,
  NodeView,
  PeerRow,
  Revision,
  ServiceId,
  ServiceRow,
  SettingsRow,
  TaskId,
  ViewKey,
  ViewRow,
} from '../../model/index.ts';
import type { Store } from '../store.ts';
import type { StampedRow } from './view-index.ts';

/** Docker's default of `--data-path-port`; stands in until the settings row has arrived. */
const DATA_PATH_PORT = 4789;

/** Rows of a node's view under their keys, each with the revision since which it says the same. */
export function viewRows(store: Store, nodeId: NodeId): Map<ViewKey, StampedRow> {
  return store.views.rowsOf(nodeId);
}

/** Indexes the rows that a node holds. */
export function buildView(selfId: NodeId, revision: Revision, rows: Iterable<ViewRow>): NodeView {
  let settings: SettingsRow = { kind: 'settings', dataPathPort: DATA_PATH_PORT };
  const peers = new Map<NodeId, PeerRow>();
  const networks = new Map<NetworkId, NetworkRow>();
  const services = new Map<ServiceId, ServiceRow>();
  const endpoints = new Map<TaskId, EndpointRow>();
  const assignments = new Map<TaskId, AssignmentRow>();
  for (const row of rows) {
    switch (row.kind) {
      case 'settings':
        settings = row;
        break;
      case 'peer':
        peers.set(row.nodeId, row);
        break;
      case 'network':
        networks.set(row.networkId, row);
        break;
      case 'service':
        services.set(row.serviceId, row);
        break;
      case 'endpoint':
        endpoints.set(row.taskId, row);
        break;
      case 'assignment':
        assignments.set(row.task.id, row);
        break;
      default:
        unreachable(row);
    }
  }
  return { selfId, revision, settings, peers, networks, services, endpoints, assignments };
}
