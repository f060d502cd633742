/** What a cluster asks of this machine: a description of it, and the output of its tasks. */
import type { LocalNode } from '../cluster/index.ts';
import type { NodeDescription } from '../model/index.ts';
import { containerIdOf } from '../node/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { readMachine } from './host/machine.ts';

/** The store takes no more. */
const IMAGES_MAX = 1000;

export function localNode(runtime: Runtime | undefined, version: string): LocalNode {
  return {
    description: () => describe(runtime, version),
    taskLogs: (taskId, query) => {
      if (runtime === undefined) throw new Error('no tasks run on this node');
      return runtime.logs(containerIdOf(taskId), query);
    },
  };
}

async function describe(runtime: Runtime | undefined, version: string): Promise<NodeDescription> {
  const machine = await readMachine();
  const images = (await runtime?.images.list()) ?? [];
  return {
    hostname: machine.hostname,
    architecture: machine.machine,
    os: 'linux',
    nanoCpus: machine.cpus * 1e9,
    memoryBytes: machine.memoryBytes,
    engineVersion: version,
    images: images.flatMap(({ tags }) => tags).slice(0, IMAGES_MAX),
  };
}
