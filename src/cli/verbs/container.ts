/** `hawser ps`, `exec` and `logs`: the containers of tasks on the node that is asked. */
import type { Duplex } from 'node:stream';
import { Command } from 'commander';
import { StdStreamDecoder } from '../../client/index.ts';
import { objectPath, type CliContext } from '../context.ts';
import { parseEnv, filterQuery } from '../parse/words.ts';
import { ellipsis, humanDuration, shortId } from '../print/words.ts';
import { addLogFlags, printLogs, type LogFlags } from '../service/logs.ts';
import type { ContainerDocument } from '../api/documents.ts';
import { printList } from '../api/listing.ts';
import {
  collect,
  filterOption,
  formatOption,
  jsonOption,
  quietOption,
  type ListOptions,
} from './options.ts';

const COMMAND_LENGTH = 20;

interface ExecOptions {
  readonly interactive?: boolean;
  readonly user?: string;
  readonly workdir?: string;
  readonly env: readonly string[];
}

export function containerCommands(context: CliContext): Command[] {
  const ps = new Command('ps')
    .description('list containers of tasks on this node')
    .option('-a, --all', 'with those that ended')
    .option('--no-trunc', 'whole ids and commands')
    .addOption(filterOption())
    .addOption(quietOption())
    .addOption(jsonOption())
    .addOption(formatOption())
    .action((options: ListOptions & { all?: boolean; trunc: boolean }) => list(context, options));
  const exec = new Command('exec')
    .description('run a command in a container on this node')
    .argument('<container>', 'id or name')
    .argument('<command...>', 'program and its arguments')
    .option('-i, --interactive', 'pass standard input on')
    .option('-u, --user <user>', 'user[:group]')
    .option('-w, --workdir <directory>', 'working directory')
    .option('-e, --env <variable>', 'NAME=value; may repeat', collect, [])
    .passThroughOptions()
    .action((container: string, command: string[], options: ExecOptions) =>
      execute(context, container, { command, options }),
    );
  const logs = new Command('logs')
    .description('show what a container on this node prints')
    .argument('<container>', 'id or name');
  addLogFlags(logs).action((container: string, flags: LogFlags) =>
    printLogs(context, objectPath('containers', container, 'logs'), { flags, label: undefined }),
  );
  return [ps, exec, logs];
}

async function list(
  context: CliContext,
  options: ListOptions & { all?: boolean; trunc: boolean },
): Promise<void> {
  const query = { ...filterQuery(options.filter), all: options.all === true };
  const containers = await context.get<ContainerDocument[]>('/containers/json', query);
  printList(context, containers, {
    options,
    listing: {
      header: ['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'NAMES'],
      id: ({ Id }) => (options.trunc ? shortId(Id) : Id),
      row: (container) => [
        options.trunc ? shortId(container.Id) : container.Id,
        container.Image,
        `"${options.trunc ? ellipsis(container.Command, COMMAND_LENGTH) : container.Command}"`,
        `${humanDuration(Date.now() - container.Created * 1000)} ago`,
        container.Status,
        container.Names.map((name) => name.replace(/^\//, '')).join(','),
      ],
    },
  });
}

async function execute(
  context: CliContext,
  container: string,
  what: { readonly command: readonly string[]; readonly options: ExecOptions },
): Promise<void> {
  const { command, options } = what;
  const isInteractive = options.interactive === true;
  const { Id } = await context.send<{ Id: string }>({
    method: 'POST',
    path: objectPath('containers', container, 'exec'),
    body: {
      AttachStdin: isInteractive,
      AttachStdout: true,
      AttachStderr: true,
      Tty: false,
      Cmd: command,
      Env: parseEnv(options.env, context.terminal.env),
      ...(options.user === undefined ? {} : { User: options.user }),
      ...(options.workdir === undefined ? {} : { WorkingDir: options.workdir }),
    },
  });
  const connection = await context.client.hijack({
    method: 'POST',
    path: objectPath('exec', Id, 'start'),
    body: { Detach: false, Tty: false },
  });
  if (isInteractive) context.terminal.stdin.pipe(connection);
  await printFrames(context, connection);
  if (isInteractive) context.terminal.stdin.unpipe(connection);
  const ended = await context.get<{ ExitCode: number | null }>(objectPath('exec', Id, 'json'));
  context.exitStatus = ended.ExitCode ?? 0;
}

async function printFrames(context: CliContext, connection: Duplex): Promise<void> {
  const decoder = new StdStreamDecoder((stream, payload) => {
    if (stream === 'stderr') context.terminal.writeError(payload);
    else context.terminal.write(payload);
  });
  for await (const chunk of connection) decoder.push(chunk as Buffer);
}
