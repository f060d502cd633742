/** `hawser node`: who is in the cluster. */
import { Command } from 'commander';
import type { NodeSpec } from '../../model/index.ts';
import { objectPath, type CliContext } from '../context.ts';
import { filterQuery, parseLabels, parseOneOf } from '../parse/words.ts';
import type { InfoDocument, NodeDocument, TaskDocument } from '../api/documents.ts';
import { printList } from '../api/listing.ts';
import {
  collect,
  filterOption,
  formatOption,
  jsonOption,
  quietOption,
  type ListOptions,
} from './options.ts';
import { printTasks } from '../api/tasks.ts';

const AVAILABILITIES = ['active', 'pause', 'drain'] as const;
const HEADER = ['ID', 'HOSTNAME', 'STATUS', 'AVAILABILITY', 'MANAGER STATUS', 'ENGINE VERSION'];

interface RoleChange {
  readonly verb: string;
  readonly description: string;
  readonly role: NodeSpec['Role'];
  readonly done: (name: string) => string;
}

const PROMOTE: RoleChange = {
  verb: 'promote',
  description: 'make managers of nodes',
  role: 'manager',
  done: (name) => `Node ${name} promoted to a manager in the swarm.`,
};
const DEMOTE: RoleChange = {
  verb: 'demote',
  description: 'make workers of managers',
  role: 'worker',
  done: (name) => `Manager ${name} demoted in the swarm.`,
};

interface UpdateOptions {
  readonly availability?: string;
  readonly role?: string;
  readonly labelAdd: readonly string[];
  readonly labelRm: readonly string[];
}

export function nodeCommand(context: CliContext): Command {
  const node = new Command('node').description('manage nodes of the cluster');
  node
    .command('ls')
    .description('list nodes')
    .addOption(filterOption())
    .addOption(quietOption())
    .addOption(jsonOption())
    .addOption(formatOption())
    .action((options: ListOptions) => list(context, options));
  node
    .command('inspect')
    .description('show everything about nodes')
    .argument('<node...>', 'id, name, or self')
    .addOption(formatOption())
    .action(async (nodes: string[], options: { format?: string }) => {
      const found = await Promise.all(nodes.map((name) => findNode(context, name)));
      context.printInspected(found, options.format);
    });
  node
    .command('ps')
    .description('list the tasks on nodes')
    .argument('[node...]', 'id, name, or self; default self')
    .addOption(filterOption())
    .addOption(quietOption())
    .addOption(jsonOption())
    .action((nodes: string[], options: ListOptions) => tasksOf(context, nodes, options));
  node
    .command('update')
    .description('change what a node is for')
    .argument('<node>', 'id, name, or self')
    .option('--availability <word>', 'active, pause or drain')
    .option('--role <word>', 'worker or manager')
    .option('--label-add <key=value>', 'set a label; may repeat', collect, [])
    .option('--label-rm <key>', 'remove a label; may repeat', collect, [])
    .action((name: string, options: UpdateOptions) => update(context, name, options));
  for (const change of [PROMOTE, DEMOTE]) {
    node
      .command(change.verb)
      .description(change.description)
      .argument('<node...>', 'id, name, or self')
      .action((names: string[]) => changeRoles(context, names, change));
  }
  node
    .command('rm')
    .description('forget workers that are down')
    .argument('<node...>', 'id or name')
    .option('-f, --force', 'even when it is not down')
    .action(async (nodes: string[], options: { force?: boolean }) => {
      for (const name of nodes) {
        const query = { force: options.force === true };
        await context.send({ method: 'DELETE', path: objectPath('nodes', name), query });
        context.print(name);
      }
    });
  return node;
}

async function list(context: CliContext, options: ListOptions): Promise<void> {
  const nodes = await context.get<NodeDocument[]>('/nodes', filterQuery(options.filter));
  const { Swarm } = await context.get<InfoDocument>('/info');
  const title = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
  printList(context, nodes, {
    options,
    listing: {
      header: HEADER,
      id: (node) => node.ID,
      row: (node) => [
        `${node.ID} ${node.ID === Swarm.NodeID ? '*' : ' '}`,
        node.Description.Hostname,
        title(node.Status.State),
        title(node.Spec.Availability),
        node.ManagerStatus?.Leader === true
          ? 'Leader'
          : title(node.ManagerStatus?.Reachability ?? ''),
        node.Description.Engine.EngineVersion,
      ],
    },
  });
}

async function findNode(context: CliContext, name: string): Promise<NodeDocument> {
  return context.get<NodeDocument>(objectPath('nodes', await resolveSelf(context, name)));
}

async function resolveSelf(context: CliContext, name: string): Promise<string> {
  if (name !== 'self') return name;
  return (await context.get<InfoDocument>('/info')).Swarm.NodeID;
}

async function tasksOf(
  context: CliContext,
  names: readonly string[],
  options: ListOptions,
): Promise<void> {
  const wanted = names.length === 0 ? ['self'] : names;
  const nodes = await Promise.all(wanted.map((name) => findNode(context, name)));
  const filters = [...options.filter, ...nodes.map((node) => `node=${node.ID}`)];
  const tasks = await context.get<TaskDocument[]>('/tasks', filterQuery(filters));
  await printTasks(context, tasks, options);
}

async function update(context: CliContext, name: string, options: UpdateOptions): Promise<void> {
  const node = await findNode(context, name);
  const { availability, role } = options;
  const kept = Object.entries(node.Spec.Labels).filter(([key]) => !options.labelRm.includes(key));
  const spec: NodeSpec = {
    ...node.Spec,
    Labels: { ...Object.fromEntries(kept), ...parseLabels('--label-add', options.labelAdd) },
    ...(availability === undefined
      ? {}
      : { Availability: parseOneOf('--availability', availability, AVAILABILITIES) }),
    ...(role === undefined ? {} : { Role: parseOneOf('--role', role, ['worker', 'manager']) }),
  };
  await sendSpec(context, node, spec);
  context.print(name);
}

async function changeRoles(
  context: CliContext,
  names: readonly string[],
  { role, done }: RoleChange,
): Promise<void> {
  for (const name of names) {
    const node = await findNode(context, name);
    if (node.Spec.Role === role) {
      context.print(`Node ${node.ID} is already a ${role}.`);
      continue;
    }
    await sendSpec(context, node, { ...node.Spec, Role: role });
    context.print(done(name));
  }
}

async function sendSpec(context: CliContext, node: NodeDocument, body: NodeSpec): Promise<void> {
  const path = objectPath('nodes', node.ID, 'update');
  await context.send({ method: 'POST', path, query: { version: node.Version.Index }, body });
}
