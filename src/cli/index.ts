/**
 * cli: the program `hawser`. Turns arguments into calls and answers into text; decides nothing
 * else.
 *
 * `hawser agent` starts the daemon and `hawser lab` a cluster to try it on. The other verbs are
 * docker's, in docker's words and tables, for hosts without the docker CLI: thin clients of the
 * same API. Inputs: arguments, HAWSER_HOST, DOCKER_HOST. Outputs: text; exit status 0 done, 1
 * failed, 2 usage, 3 refused by the cluster; an error is one line on stderr: what, why, what to do.
 * Start with `program.ts`; each verb is a file of `verbs/`, `service/`, `swarm/`.
 */
import { CommanderError } from 'commander';
import { ApiError } from '../client/index.ts';
import { LabError } from '../lab/index.ts';
import { CodedError, messageOf, type ErrorDetail } from '../base/index.ts';
import { CliContext, type Terminal } from './context.ts';
import { CliError, EXIT } from './errors.ts';
import { buildProgram } from './program.ts';

export type { Terminal } from './context.ts';

/** Runs one command line; resolves to its exit status and throws nothing. */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const context = new CliContext(terminal);
  try {
    await buildProgram(context).parseAsync(args, { from: 'user' });
    return context.exitStatus;
  } catch (error) {
    const status = exitStatusOf(error);
    const isHelp = error instanceof CommanderError && error.code === 'commander.help';
    if (status !== EXIT.done && !isHelp) context.note(`hawser: ${oneLine(error)}`);
    return status;
  }
}

function exitStatusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof CliError) return error.detail.code === 'usage' ? EXIT.usage : EXIT.failed;
  if (error instanceof LabError && error.detail.code === 'option-invalid') return EXIT.usage;
  if (isAgentUsage(error)) return EXIT.usage;
  if (!(error instanceof ApiError)) return EXIT.failed;
  switch (error.detail.code) {
    case 'endpoint-invalid':
      return EXIT.usage;
    case 'refused':
      return EXIT.refused;
    default:
      return EXIT.failed;
  }
}

/** Known by its code: the agent's classes are loaded only by `hawser agent`. */
function isAgentUsage(error: unknown): boolean {
  const codes = ['invalid', 'unsupported'];
  return (
    error instanceof CodedError && codes.includes((error as CodedError<ErrorDetail>).detail.code)
  );
}

function oneLine(error: unknown): string {
  const text = messageOf(error)
    .trim()
    .split(/\s*\n\s*/)
    .join('; ');
  if (!(error instanceof CommanderError)) return text;
  return `${text.replace(/^error: /, '')}; see hawser --help, or --help after the command`;
}
