/** `hawser status`: one look at this node and its cluster. */
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import type { InfoDocument, NodeDocument, ServiceDocument } from '../api/documents.ts';
import { jsonOption } from './options.ts';

export function statusCommand(context: CliContext): Command {
  return new Command('status')
    .description('this node and its cluster at a glance')
    .addOption(jsonOption())
    .action((options: { json?: boolean }) => status(context, options));
}

async function status(context: CliContext, options: { json?: boolean }): Promise<void> {
  const info = await context.get<InfoDocument>('/info');
  if (options.json === true) {
    context.print(JSON.stringify(info, undefined, 2));
    return;
  }
  const { Swarm } = info;
  const role = Swarm.ControlAvailable ? 'manager' : 'worker';
  const isMember = Swarm.LocalNodeState === 'active';
  const lines = [
    ['node', `${info.Name} (hawser ${info.ServerVersion})`],
    ['cluster', isMember ? `${role} at ${Swarm.NodeAddr}, id ${Swarm.NodeID}` : 'not a member'],
    ['containers', `${info.ContainersRunning ?? 0} running here`],
  ];
  if (Swarm.Error !== '') lines.push(['problem', Swarm.Error]);
  else if (isMember && Swarm.ControlAvailable) lines.push(...(await clusterLines(context)));
  for (const [name = '', text = ''] of lines) context.print(`${name.padEnd(12)}${text}`);
}

async function clusterLines(context: CliContext): Promise<[string, string][]> {
  const [nodes, services] = await Promise.all([
    context.get<NodeDocument[]>('/nodes'),
    context.get<ServiceDocument[]>('/services', { status: true }),
  ]);
  const ready = nodes.filter((node) => node.Status.State === 'ready').length;
  const short = services.filter(
    ({ ServiceStatus }) => (ServiceStatus?.RunningTasks ?? 0) < (ServiceStatus?.DesiredTasks ?? 0),
  );
  const names = short.map(({ Spec }) => Spec.Name).join(', ');
  const parts = nodes.flatMap(({ ManagerStatus }) => ManagerStatus ?? []);
  const reached = parts.filter(({ Reachability }) => Reachability === 'reachable').length;
  const leader = nodes.find(({ ManagerStatus }) => ManagerStatus?.Leader === true);
  return [
    [
      'managers',
      `${reached} of ${parts.length} reachable; ${leader?.Description.Hostname ?? 'none'} leads`,
    ],
    ['nodes', `${ready} of ${nodes.length} ready`],
    ['services', `${services.length}${names === '' ? '' : `; short of tasks: ${names}`}`],
  ];
}
