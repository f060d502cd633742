/** The whole command line, put together. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Help, type Option } from 'commander';
import { packageRoot } from '../base/index.ts';
import type { CliContext } from './context.ts';
import { serviceCommand } from './service/service.ts';
import { agentCommand } from './verbs/agent.ts';
import { containerCommands } from './verbs/container.ts';
import { imageCommand } from './verbs/image.ts';
import { labCommand } from './verbs/lab.ts';
import { networkCommand } from './verbs/network.ts';
import { nodeCommand } from './verbs/node.ts';
import { statusCommand } from './verbs/status.ts';
import { swarmCommand } from './swarm/swarm.ts';

const HOST_HELP =
  'the agent to ask: unix:///path or tcp://host:port (default $HAWSER_HOST, then $DOCKER_HOST, ' +
  'then unix:///run/hawser/hawser.sock)';

export function buildProgram(context: CliContext): Command {
  const program = new Command('hawser')
    .description('Container networking that runs on a host daemon; speaks the Docker Engine API.')
    .version(packageVersion(), '-v, --version', 'print the version')
    .option('-H, --host <endpoint>', HOST_HELP)
    .enablePositionalOptions()
    .hook('preAction', (command) => {
      const { host } = command.opts<{ host?: string }>();
      if (host !== undefined) context.useHost(host);
    });
  const commands = [
    agentCommand(),
    labCommand(context),
    statusCommand(context),
    swarmCommand(context),
    nodeCommand(context),
    networkCommand(context),
    serviceCommand(context),
    imageCommand(context),
    ...containerCommands(context),
  ];
  for (const command of commands) program.addCommand(command);
  program.addHelpText(
    'after',
    '\nExit status: 0 done, 1 failed, 2 usage, 3 refused by the cluster.',
  );
  report(program, context);
  return program;
}

/** Errors and help go where the context says; nothing ends the process but `main`. */
function report(command: Command, context: CliContext): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => context.terminal.write(text),
    writeErr: (text) => context.terminal.writeError(text),
    // `main` reports in one line.
    outputError: () => undefined,
  });
  command.configureHelp({ optionDescription: describe });
  for (const inner of command.commands) report(inner, context);
}

/** An empty list as default says nothing. */
function describe(option: Option): string {
  return Array.isArray(option.defaultValue)
    ? option.description
    : new Help().optionDescription(option);
}

function packageVersion(): string {
  const text = readFileSync(join(packageRoot(import.meta.dirname), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
