/** `service logs` and `logs`: what tasks print, each line with who said it. */
import type { Command } from 'commander';
import { objectPath, type CliContext } from '../context.ts';
import type { NodeDocument, ServiceDocument, TaskDocument } from '../api/documents.ts';

export interface LogFlags {
  readonly follow?: boolean;
  readonly tail: string;
  readonly since?: string;
  readonly timestamps?: boolean;
  readonly raw?: boolean;
}

export function addLogFlags(command: Command): Command {
  return command
    .option('-f, --follow', 'go on with new lines')
    .option('-n, --tail <lines>', 'only the last lines, or all', 'all')
    .option('--since <time>', 'only since: a duration such as 10m, or a time')
    .option('-t, --timestamps', 'with the time of each line');
}

/** Docker's prefix of a service's log line: comma-separated `key=value` details, then a space. */
const DETAILS = /^(?:(?<time>\d{4}-\S+) )?(?<details>(?:com\.docker\.[\w.]+=[^\s,]*,?)+) /;

export async function printServiceLogs(
  context: CliContext,
  name: string,
  flags: LogFlags,
): Promise<void> {
  const label = flags.raw === true ? undefined : await labeller(context, name);
  await printLogs(context, objectPath('services', name, 'logs'), { flags, label });
}

/** Streams a log, whole lines at a time, so that lines of several tasks do not mix. */
export async function printLogs(
  context: CliContext,
  path: string,
  how: { readonly flags: LogFlags; readonly label?: ((line: string) => string) | undefined },
): Promise<void> {
  const { flags, label } = how;
  const query = {
    stdout: true,
    stderr: true,
    follow: flags.follow === true,
    tail: flags.tail,
    since: flags.since === undefined ? undefined : sinceText(flags.since),
    timestamps: flags.timestamps === true,
    details: label !== undefined,
  };
  await context.client.readOutput({ method: 'GET', path, query }, (stream, payload) => {
    const text = payload.toString('utf8');
    const line = label === undefined ? text : label(text);
    if (stream === 'stderr') context.terminal.writeError(line);
    else context.terminal.write(line);
  });
}

/**
 * A duration before now, in seconds since the epoch, as docker sends it; anything else as it is.
 */
function sinceText(since: string): string {
  const match = /^(?<amount>\d+)(?<unit>[smh])$/.exec(since)?.groups;
  if (match === undefined) return since;
  const seconds = Number(match['amount']) * ({ s: 1, m: 60, h: 3600 }[match['unit'] ?? 's'] ?? 1);
  return String(Math.floor(Date.now() / 1000) - seconds);
}

/** `whoami.1.abcdef012345@node-2    | line`. */
async function labeller(context: CliContext, name: string): Promise<(line: string) => string> {
  const service = await context.get<ServiceDocument>(objectPath('services', name));
  const filters = JSON.stringify({ service: { [service.ID]: true } });
  const [tasks, nodes] = await Promise.all([
    context.get<TaskDocument[]>('/tasks', { filters }),
    context.get<NodeDocument[]>('/nodes'),
  ]);
  const slots = new Map(tasks.map((task) => [task.ID, task.Slot ?? 0]));
  const hosts = new Map(nodes.map((node) => [node.ID, node.Description.Hostname]));
  return (line) => {
    const match = DETAILS.exec(line);
    const details = new URLSearchParams((match?.groups?.['details'] ?? '').replaceAll(',', '&'));
    const taskId = details.get('com.docker.swarm.task.id');
    if (match === null || taskId === null) return line;
    const nodeId = details.get('com.docker.swarm.node.id') ?? '';
    const slot = slots.get(taskId) ?? 0;
    const task = `${service.Spec.Name}.${slot === 0 ? nodeId : slot}.${taskId.slice(0, 12)}`;
    const time = match.groups?.['time'] === undefined ? '' : `${match.groups['time']} `;
    return `${time}${task}@${hosts.get(nodeId) ?? nodeId}    | ${line.slice(match[0].length)}`;
  };
}
