/** `hawser service`: what should run, and what does. */
import { Command } from 'commander';
import { objectPath, type CliContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { parseCount } from '../parse/quantities.ts';
import { filterQuery } from '../parse/words.ts';
import type { ServiceDocument, TaskDocument } from '../api/documents.ts';
import { printList } from '../api/listing.ts';
import {
  filterOption,
  formatOption,
  jsonOption,
  quietOption,
  type ListOptions,
} from '../verbs/options.ts';
import { portText, printTasks, type TaskListOptions } from '../api/tasks.ts';
import { waitForConvergence, type WaitFlags } from './convergence.ts';
import { addLogFlags, printServiceLogs, type LogFlags } from './logs.ts';
import { addSpecFlags, buildServiceSpec, type SpecFlags } from './spec-flags.ts';
import { addUpdateCommand, changeSpec, withReplicas } from './update.ts';

export function serviceCommand(context: CliContext): Command {
  const service = new Command('service').enablePositionalOptions().description('manage services');
  addCreateCommand(service, context);
  addListCommands(service, context);
  addUpdateCommand(service, context);
  service
    .command('scale')
    .description('change the number of tasks')
    .argument('<service=replicas...>', 'as web=5')
    .option('-d, --detach', 'do not wait')
    .option('-q, --quiet', 'wait without saying how far it is')
    .action((changes: string[], options: WaitFlags) => scale(context, changes, options));
  service
    .command('rm')
    .description('remove services')
    .argument('<service...>', 'id or name')
    .action(async (names: string[]) => {
      for (const name of names) {
        await context.send({ method: 'DELETE', path: objectPath('services', name) });
        context.print(name);
      }
    });
  const logs = service
    .command('logs')
    .description('show what the tasks of a service print')
    .argument('<service>', 'id or name')
    .option('--raw', 'without the name of the task');
  addLogFlags(logs).action((name: string, flags: LogFlags) =>
    printServiceLogs(context, name, flags),
  );
  return service;
}

function addCreateCommand(service: Command, context: CliContext): void {
  const create = service
    .command('create')
    .description('start a service')
    .argument('<image>', 'name:tag')
    .argument('[command...]', 'instead of the image’s command')
    // As with docker, what follows the image belongs to the container.
    .passThroughOptions();
  addSpecFlags(create)
    .option('-d, --detach', 'do not wait until it runs')
    .option('-q, --quiet', 'wait without saying how far it is')
    .action(async (image: string, args: string[], flags: SpecFlags & WaitFlags) => {
      const environment = context.terminal.env;
      const created = await context.send<{ ID: string; Warnings?: readonly string[] | null }>({
        method: 'POST',
        path: '/services/create',
        body: buildServiceSpec({ image, args, flags, environment }),
      });
      for (const warning of created.Warnings ?? []) context.note(warning);
      context.print(created.ID);
      await waitForConvergence(context, created.ID, flags);
    });
}

function addListCommands(service: Command, context: CliContext): void {
  service
    .command('ls')
    .description('list services')
    .addOption(filterOption())
    .addOption(quietOption())
    .addOption(jsonOption())
    .addOption(formatOption())
    .action((options: ListOptions) => list(context, options));
  service
    .command('ps')
    .description('list the tasks of services')
    .argument('<service...>', 'id or name')
    .addOption(filterOption())
    .addOption(quietOption())
    .addOption(jsonOption())
    .option('--no-trunc', 'whole ids and errors')
    .action((names: string[], options: ListOptions & TaskListOptions) =>
      tasksOf(context, names, options),
    );
  service
    .command('inspect')
    .description('show everything about services')
    .argument('<service...>', 'id or name')
    .addOption(formatOption())
    .action(async (names: string[], options: { format?: string }) => {
      const found = await Promise.all(
        names.map((name) => context.get(objectPath('services', name))),
      );
      context.printInspected(found, options.format);
    });
}

async function list(context: CliContext, options: ListOptions): Promise<void> {
  const query = { ...filterQuery(options.filter), status: true };
  const services = await context.get<ServiceDocument[]>('/services', query);
  const sorted = [...services].sort((a, b) => a.Spec.Name.localeCompare(b.Spec.Name));
  printList(context, sorted, {
    options,
    listing: {
      header: ['ID', 'NAME', 'MODE', 'REPLICAS', 'IMAGE', 'PORTS'],
      id: ({ ID }) => ID.slice(0, 12),
      row: ({ ID, Spec, Endpoint, ServiceStatus }) => [
        ID.slice(0, 12),
        Spec.Name,
        'Replicated' in Spec.Mode ? 'replicated' : 'global',
        `${ServiceStatus?.RunningTasks ?? 0}/${ServiceStatus?.DesiredTasks ?? 0}`,
        Spec.TaskTemplate.ContainerSpec.Image,
        // Ports of mode host are a task's, and `service ps` shows them.
        (Endpoint?.Ports ?? [])
          .filter(({ PublishMode }) => PublishMode === 'ingress')
          .map(portText)
          .join(', '),
      ],
    },
  });
}

async function tasksOf(
  context: CliContext,
  names: readonly string[],
  options: ListOptions & TaskListOptions,
): Promise<void> {
  const services = await Promise.all(
    names.map((name) => context.get<ServiceDocument>(objectPath('services', name))),
  );
  const filters = [...options.filter, ...services.map(({ ID }) => `service=${ID}`)];
  const tasks = await context.get<TaskDocument[]>('/tasks', filterQuery(filters));
  await printTasks(context, tasks, options);
}

async function scale(
  context: CliContext,
  changes: readonly string[],
  options: WaitFlags,
): Promise<void> {
  const wanted = changes.map((change) => {
    const [, name = '', count = ''] = /^(.+)=(.*)$/.exec(change) ?? [];
    if (name === '') throw usageError(change, 'write service=replicas');
    return { name, replicas: parseCount(change, count) };
  });
  for (const { name, replicas } of wanted) {
    await changeSpec(context, name, (spec) => withReplicas(spec, replicas));
    context.print(`${name} scaled to ${replicas}`);
  }
  for (const { name } of wanted) await waitForConvergence(context, name, options);
}
