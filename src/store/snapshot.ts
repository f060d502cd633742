import { CodedError, messageOf } from '../base/index.ts';
import type {
  Cluster,
  Network,
  NetworkId,
  Node,
  Protocol,
  Revision,
  Service,
  Task,
  TaskSpec,
} from '../model/index.ts';
import { ipv4 } from '../base/index.ts';
import { holdsAddresses } from './apply/index.ts';
import { NetworkAddresses } from './pool/network-addresses.ts';
import { State } from './state.ts';

const FORMAT = 'hawser-store';
const VERSION = 1;

/** The text is not a snapshot that this version reads. */
export type SnapshotErrorDetail =
  | { readonly code: 'snapshot-malformed' }
  | { readonly code: 'snapshot-version'; readonly found: unknown; readonly readable: number };

export class SnapshotError extends CodedError<SnapshotErrorDetail> {}

/**
 * Tables in their order, and of the allocators only what the tables do not say: where each search
 * goes on. Task templates are written once each, because the tasks of a service share theirs.
 */
interface SnapshotDocument {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly revision: Revision;
  readonly cluster?: Cluster;
  readonly nodes: readonly Node[];
  readonly networks: readonly Network[];
  readonly services: readonly Service[];
  readonly specs: readonly TaskSpec[];
  readonly tasks: readonly (Omit<Task, 'spec'> & { readonly spec: number })[];
  readonly cursors: {
    readonly vni: number;
    readonly nodeIndex: number;
    readonly ports: Readonly<Record<Protocol, number>>;
    readonly addresses: Readonly<Record<NetworkId, readonly string[]>>;
  };
}

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp'];

export function encodeSnapshot(state: State): string {
  const specs = new SpecList();
  const tasks = [...state.tasks.values()].map((task) => ({ ...task, spec: specs.add(task.spec) }));
  const document: SnapshotDocument = {
    format: FORMAT,
    version: VERSION,
    revision: state.revision,
    ...(state.cluster && { cluster: state.cluster }),
    nodes: [...state.nodes.values()],
    networks: [...state.networks.values()],
    services: [...state.services.values()],
    specs: specs.all,
    tasks,
    cursors: {
      vni: state.vnis.cursor,
      nodeIndex: state.nodeIndexes.cursor,
      ports: {
        tcp: state.ports.automatic('tcp').cursor,
        udp: state.ports.automatic('udp').cursor,
        sctp: state.ports.automatic('sctp').cursor,
      },
      addresses: Object.fromEntries(
        [...state.addresses].map(([id, addresses]) => [id, addresses.cursors]),
      ),
    },
  };
  return JSON.stringify(document);
}

/** Throws `SnapshotError`. */
export function decodeSnapshot(text: string): State {
  try {
    const document = JSON.parse(text) as { format?: unknown; version?: unknown };
    if (document.format === FORMAT && document.version === VERSION)
      return rebuild(document as SnapshotDocument);
    throw new SnapshotError(
      { code: 'snapshot-version', found: document.version, readable: VERSION },
      `the store's snapshot has version ${String(document.version)}; this program reads ${VERSION}`,
    );
  } catch (error) {
    if (error instanceof SnapshotError) throw error;
    throw new SnapshotError(
      { code: 'snapshot-malformed' },
      `the store's snapshot cannot be read: ${messageOf(error)}`,
      error,
    );
  }
}

function rebuild(document: SnapshotDocument): State {
  const state = new State();
  state.revision = document.revision;
  state.cluster = document.cluster;
  for (const node of document.nodes) addNode(state, node);
  for (const network of document.networks) addNetwork(state, network);
  for (const service of document.services) addService(state, service);
  const specs = sharedSpecs(document);
  // The fields keep their order, and with it the next snapshot its bytes.
  for (const task of document.tasks)
    addTask(state, { ...task, spec: specs[task.spec] as TaskSpec });
  restoreCursors(state, document.cursors);
  return state;
}

function addNode(state: State, node: Node): void {
  state.nodes.set(node.id, node);
  state.nodeIndexes.claim(node.index);
}

function addNetwork(state: State, network: Network): void {
  state.networks.set(network.id, network);
  state.addresses.set(network.id, new NetworkAddresses(network.subnets));
  for (const { vni } of network.subnets) state.vnis.claim(vni);
}

function addService(state: State, service: Service): void {
  state.services.set(service.id, service);
  for (const port of service.ports) state.ports.add(port, service.id);
  for (const { networkId, address } of service.virtualIps) claimAddress(state, networkId, address);
}

function addTask(state: State, task: Task): void {
  state.tasks.set(task.id, task);
  if (!holdsAddresses(task)) return;
  for (const { networkId, address } of task.attachments) claimAddress(state, networkId, address);
}

function claimAddress(state: State, networkId: NetworkId, address: string): void {
  const held = state.addresses.get(networkId)?.poolOf(address);
  held?.pool.claim(held.value);
}

function restoreCursors(state: State, cursors: SnapshotDocument['cursors']): void {
  state.vnis.cursor = cursors.vni;
  state.nodeIndexes.cursor = cursors.nodeIndex;
  for (const protocol of PROTOCOLS)
    state.ports.automatic(protocol).cursor = cursors.ports[protocol];
  for (const [id, addresses] of state.addresses) {
    for (const [index, { pool }] of addresses.subnets.entries()) {
      pool.cursor = ipv4(cursors.addresses[id]?.[index] ?? '');
    }
  }
}

/** The document's specs, each the service's own template where they say the same. */
function sharedSpecs(document: SnapshotDocument): readonly TaskSpec[] {
  const templates = new Map(
    document.services.map(({ spec }) => [JSON.stringify(spec.TaskTemplate), spec.TaskTemplate]),
  );
  return document.specs.map((spec) => templates.get(JSON.stringify(spec)) ?? spec);
}

/**
 * Numbers distinct specs by what they say, so that equal states give equal snapshots however they
 * share objects.
 */
class SpecList {
  readonly all: TaskSpec[] = [];
  private readonly byText = new Map<string, number>();
  private readonly byObject = new Map<TaskSpec, number>();

  add(spec: TaskSpec): number {
    const known = this.byObject.get(spec);
    if (known !== undefined) return known;
    const text = JSON.stringify(spec);
    const number = this.byText.get(text) ?? this.all.push(spec) - 1;
    this.byText.set(text, number);
    this.byObject.set(spec, number);
    return number;
  }
}
