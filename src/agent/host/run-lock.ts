/** One agent per run directory: `agent.pid` names it. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../errors.ts';

/**
 * Takes the directory for this process. A file left by a process that is gone, or by one that is no
 * agent, is taken over. Throws `AgentError` `already-running`.
 */
export async function lockRunDirectory(runDirectory: string): Promise<() => Promise<void>> {
  const path = join(runDirectory, 'agent.pid');
  const owner = await runningAgent(runDirectory);
  if (owner !== undefined && owner !== process.pid) {
    throw new AgentError(
      { code: 'already-running', pid: owner },
      `an agent (pid ${owner}) already runs on ${runDirectory}: stop it first, or use another ` +
        `--run-dir`,
    );
  }
  await writeFile(path, `${process.pid}\n`);
  return async () => rm(path, { force: true });
}

/** Pid of the agent that holds the directory, if it lives. */
export async function runningAgent(runDirectory: string): Promise<number | undefined> {
  const text = await readFile(join(runDirectory, 'agent.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const words = commandLine.split('\0');
  return words.some((word) => word.endsWith('hawser')) && words.includes('agent') ? pid : undefined;
}
