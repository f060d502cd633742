import type {
  Cluster,
  Network,
  NetworkId,
  Node,
  Revision,
  Service,
  Task,
} from '../../model/index.ts';
import type { State } from '../state.ts';
import { FORMAT, PROTOCOLS, VERSION, type Kind } from './format.ts';
import { SpecNumbers } from './spec-numbers.ts';

/** What a line aims at; a single row may be longer. About 4 ms of work. */
const LINE_CHARS = 512 << 10;

/** Rows are immutable, so lists of them are the state of a moment. */
interface Frozen {
  readonly revision: Revision;
  readonly cluster: Cluster | undefined;
  readonly nodes: readonly Node[];
  readonly networks: readonly Network[];
  readonly services: readonly Service[];
  readonly tasks: readonly Task[];
  readonly pools: readonly (readonly [string, number])[];
  readonly addresses: readonly (readonly [NetworkId, readonly string[]])[];
}

/**
 * The state of the call as the lines of a snapshot, each made when it is asked for, while the state
 * may change.
 */
export function snapshotPieces(state: State): Iterable<Uint8Array> {
  return encoded(freeze(state));
}

function freeze(state: State): Frozen {
  const { revision, cluster, ports } = state;
  return {
    revision,
    cluster,
    nodes: [...state.nodes.values()],
    networks: [...state.networks.values()],
    services: [...state.services.values()],
    tasks: [...state.tasks.values()],
    pools: [
      ['vni', state.vnis.cursor],
      ['node-index', state.nodeIndexes.cursor],
      ...PROTOCOLS.map((name) => [name, ports.automatic(name).cursor] as const),
    ],
    addresses: [...state.addresses].map(([id, { cursors }]) => [id, cursors]),
  };
}

function* encoded(frozen: Frozen): Generator<Uint8Array, void> {
  const encoder = new TextEncoder();
  let lines = 0;
  for (const line of linesOf(frozen)) {
    lines += 1;
    yield encoder.encode(`${line}\n`);
  }
  yield encoder.encode(`${JSON.stringify({ kind: 'end', lines })}\n`);
}

function* linesOf(frozen: Frozen): Generator<string, void> {
  const { revision, cluster, nodes, networks, services, tasks, pools, addresses } = frozen;
  yield JSON.stringify({ kind: 'head', format: FORMAT, version: VERSION, revision });
  yield* lines('cluster', cluster === undefined ? [] : [cluster]);
  yield* lines('nodes', nodes);
  yield* lines('networks', networks);
  const specs = new SpecNumbers();
  yield* lines('services', services, (service) => {
    specs.addTemplate(service.spec.TaskTemplate);
    return JSON.stringify(service);
  });
  yield* taskLines(tasks, specs);
  yield* lines('pools', pools);
  yield* lines('addresses', addresses);
}

function* taskLines(tasks: readonly Task[], specs: SpecNumbers): Generator<string, void> {
  const textOf = (task: Task): string =>
    JSON.stringify({ ...task, spec: specs.numberOf(task.spec) });
  for (const rows of batches(tasks, textOf)) {
    const told = specs.takeFresh();
    const field = told.length === 0 ? '' : `"specs":[${told.join(',')}],`;
    yield `{"kind":"tasks",${field}"rows":[${rows}]}`;
  }
}

function* lines<Row>(
  kind: Kind,
  rows: readonly Row[],
  textOf: (row: Row) => string = (row) => JSON.stringify(row),
): Generator<string, void> {
  for (const batch of batches(rows, textOf)) yield `{"kind":"${kind}","rows":[${batch}]}`;
}

/** Texts of rows, joined by commas, about a line's worth at a time. */
function* batches<Row>(
  rows: readonly Row[],
  textOf: (row: Row) => string,
): Generator<string, void> {
  let texts: string[] = [];
  let chars = 0;
  for (const row of rows) {
    const text = textOf(row);
    texts.push(text);
    chars += text.length;
    if (chars < LINE_CHARS) continue;
    yield texts.join(',');
    texts = [];
    chars = 0;
  }
  if (texts.length > 0) yield texts.join(',');
}
