/** `hawser lab`: a cluster on this machine. */
import { Command } from 'commander';
import {
  labDown,
  labExec,
  labStart,
  labStatus,
  labStop,
  labUp,
  type LabNodeStatus,
} from '../../lab/index.ts';
import type { CliContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { parseCount } from '../parse/quantities.ts';
import { table } from '../print/table.ts';
import { jsonOption } from './options.ts';

interface UpFlags {
  readonly nodes: string;
  readonly managers: string;
  readonly runtime: string;
  readonly lb: string;
}

export function labCommand(context: CliContext): Command {
  const lab = new Command('lab')
    .enablePositionalOptions()
    .description('a cluster on this machine, of network namespaces');
  lab
    .command('up')
    .description('start a lab; returns when all nodes are Ready')
    .option('--nodes <count>', 'number of nodes', '3')
    .option('--managers <count>', 'how many of them manage the cluster, 1 to 7', '1')
    .option('--runtime <runtime>', 'what runs tasks: oci or none', 'oci')
    .option('--lb <driver>', 'what translates virtual IPs: auto or nftables', 'auto')
    .action((flags: UpFlags) => up(context, flags));
  lab
    .command('status')
    .description('list the nodes of the lab')
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      const nodes = await labStatus();
      context.print(
        options.json === true ? JSON.stringify(nodes, undefined, 2) : statusTable(nodes),
      );
    });
  lab
    .command('exec')
    .description("run a command in a node's network namespace, or in that of a client outside")
    .argument('<node>', 'number of the node, or client')
    .argument('<command...>', 'program and its arguments, after --')
    .passThroughOptions()
    .action(async (node: string, words: string[]) => {
      const command = words[0] === '--' ? words.slice(1) : words;
      if (command.length === 0) throw usageError('lab exec', 'write a command after --');
      context.exitStatus = await labExec(node, command);
    });
  addNodeCommands(lab);
  lab
    .command('down')
    .description('remove the lab and everything it made')
    .action(() => labDown());
  return lab;
}

function addNodeCommands(lab: Command): void {
  const argument = ['<node>', 'number of the node'] as const;
  lab
    .command('stop')
    .description('end the agent of a node; its tasks go on')
    .argument(...argument)
    .action((node: string) => labStop(node, 'SIGTERM'));
  lab
    .command('kill')
    .description('kill the agent of a node as a crash would; its tasks go on')
    .argument(...argument)
    .action((node: string) => labStop(node, 'SIGKILL'));
  lab
    .command('start')
    .description('start the agent of a node again')
    .argument(...argument)
    .action((node: string) => labStart(node));
}

async function up(context: CliContext, flags: UpFlags): Promise<void> {
  const nodes = parseCount('--nodes', flags.nodes);
  const managers = parseCount('--managers', flags.managers);
  await labUp({ nodes, managers, runtime: flags.runtime, lb: flags.lb });
  context.print(`lab of ${nodes} nodes is up; hawser -H unix:///run/hawser-lab/1/hawser.sock …`);
}

function statusTable(nodes: readonly LabNodeStatus[]): string {
  return table(
    ['NODE', 'ADDRESS', 'AGENT', 'STATE', 'ROLE', 'API'],
    nodes.map(({ number, address, pid, state, role, api }) => [
      String(number),
      address,
      pid === undefined ? 'stopped' : `pid ${pid}`,
      state,
      role,
      api,
    ]),
  );
}
