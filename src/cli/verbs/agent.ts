/** `hawser agent`: the daemon itself. */
import { Command } from 'commander';
import { agentConfig, agentOptions, type AgentFlags } from '../agent-options.ts';

export function agentCommand(): Command {
  const agent = new Command('agent')
    .description('run the agent of this node')
    .option('--config <file>', 'YAML file with the settings below; flags win over it')
    .option('--teardown', 'remove what an agent left: containers, namespaces, rules; then end');
  for (const option of agentOptions()) agent.addOption(option);
  return agent.action(async (flags: AgentFlags) => {
    const config = agentConfig(flags);
    // Loaded late: every other command starts without the daemon's code.
    const { runAgent, runTeardown } = await import('../../agent/index.ts');
    await (flags['teardown'] === true ? runTeardown(config) : runAgent(config));
  });
}
