/** Tables of tasks, as `service ps` and `node ps` print them. */
import type { PortConfig } from '../../model/index.ts';
import type { CliContext } from '../context.ts';
import type { Row } from '../print/table.ts';
import { ellipsis, stateSince } from '../print/words.ts';
import type { NodeDocument, ServiceDocument, TaskDocument } from './documents.ts';
import { printList } from './listing.ts';
import type { ListOptions } from '../verbs/options.ts';

const HEADER = ['ID', 'NAME', 'IMAGE', 'NODE', 'DESIRED STATE', 'CURRENT STATE', 'ERROR', 'PORTS'];
const ERROR_LENGTH = 30;

interface NamedTask {
  readonly task: TaskDocument;
  /** `whoami.1`, or `whoami.<node id>` for a global service. */
  readonly name: string;
  readonly node: string;
  /** Whether a newer task of the same slot is above it. */
  readonly isHistory: boolean;
}

export interface TaskListOptions extends Omit<ListOptions, 'filter'> {
  readonly trunc?: boolean;
}

export async function printTasks(
  context: CliContext,
  tasks: readonly TaskDocument[],
  options: TaskListOptions,
): Promise<void> {
  const [services, nodes] = await Promise.all([
    context.get<ServiceDocument[]>('/services'),
    context.get<NodeDocument[]>('/nodes'),
  ]);
  const serviceNames = new Map(services.map((service) => [service.ID, service.Spec.Name]));
  const nodeNames = new Map(nodes.map((node) => [node.ID, node.Description.Hostname]));
  const named = tasks.map((task) => ({
    task,
    name: `${serviceNames.get(task.ServiceID) ?? task.ServiceID}.${slotText(task)}`,
    node: nodeNames.get(task.NodeID ?? '') ?? task.NodeID ?? '',
  }));
  const isCut = options.trunc !== false;
  printList(context, inSlotOrder(named), {
    options,
    listing: {
      header: HEADER,
      id: ({ task }) => task.ID,
      row: (item) => taskRow(item, isCut),
    },
  });
}

function slotText(task: TaskDocument): string {
  return task.Slot === undefined || task.Slot === 0 ? (task.NodeID ?? '') : String(task.Slot);
}

/** By name, the newest of each name first; older ones are its history. */
function inSlotOrder(tasks: readonly Omit<NamedTask, 'isHistory'>[]): NamedTask[] {
  const byName = new Intl.Collator('en', { numeric: true });
  const sorted = [...tasks].sort(
    (a, b) => byName.compare(a.name, b.name) || b.task.CreatedAt.localeCompare(a.task.CreatedAt),
  );
  return sorted.map((item, at) => ({ ...item, isHistory: sorted[at - 1]?.name === item.name }));
}

function taskRow({ task, name, node, isHistory }: NamedTask, isCut: boolean): Row {
  const error = task.Status.Err ?? '';
  return [
    isCut ? task.ID.slice(0, 12) : task.ID,
    isHistory ? ` \\_ ${name}` : name,
    task.Spec.ContainerSpec.Image,
    node,
    task.DesiredState.charAt(0).toUpperCase() + task.DesiredState.slice(1),
    stateSince(task.Status.State, task.Status.Timestamp, Date.now()),
    error === '' ? '' : `"${isCut ? ellipsis(error, ERROR_LENGTH) : error}"`,
    (task.Status.PortStatus?.Ports ?? []).map(portText).join(','),
  ];
}

/** `*:8000->80/tcp`. */
export function portText(port: PortConfig): string {
  return `*:${port.PublishedPort ?? 0}->${port.TargetPort}/${port.Protocol}`;
}
