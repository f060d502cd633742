/**
 * The commands of the demo: docker's CLI where it is installed, else `hawser` with the same words.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { hawserProgram } from '../cluster/agents.ts';
import { labNode } from '../layout.ts';
import { run } from '../shell.ts';

const COMMAND_LIMIT_MS = 120_000;

function findOnPath(program: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((directory) => join(directory, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export class Engine {
  /** `docker`, or `hawser` on a host without it. */
  readonly name: string;
  readonly #program: string;

  constructor() {
    const docker = findOnPath('docker');
    this.name = docker === undefined ? 'hawser' : 'docker';
    this.#program = docker ?? hawserProgram();
  }

  /** Runs a verb against the agent of a node and returns what it printed. */
  async run(node: number, words: readonly string[]): Promise<string> {
    const endpoint = `unix://${labNode(node).socketPath}`;
    const printed = await run([this.#program, '-H', endpoint, ...words], {
      timeoutMs: COMMAND_LIMIT_MS,
      // A docker CLI of an operator may point elsewhere.
      env: { DOCKER_HOST: '', DOCKER_CONTEXT: '' },
    });
    return printed.trim();
  }
}
