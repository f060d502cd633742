/** What a cluster asks of this machine: a description of it, and the output of its tasks. */
import type { LocalNode } from '../cluster/index.ts';
import type { NodeDescription, NodePaths } from '../model/index.ts';
import { containerIdOf } from '../node/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { readMachine } from './host/machine.ts';

/** The store takes no more. */
const IMAGES_MAX = 1000;

export interface LocalNodeOptions {
  readonly runtime: Runtime | undefined;
  readonly version: string;
  /** What is known of the paths to other nodes. */
  readonly paths: () => NodePaths | undefined;
}

export function localNode(options: LocalNodeOptions): LocalNode {
  const { runtime } = options;
  return {
    description: () => describe(options),
    taskLogs: (taskId, query) => {
      if (runtime === undefined) throw new Error('no tasks run on this node');
      return runtime.logs(containerIdOf(taskId), query);
    },
  };
}

async function describe(options: LocalNodeOptions): Promise<NodeDescription> {
  const { runtime, version } = options;
  const machine = await readMachine();
  const paths = options.paths();
  const images = (await runtime?.images.list()) ?? [];
  return {
    hostname: machine.hostname,
    architecture: machine.machine,
    os: 'linux',
    nanoCpus: machine.cpus * 1e9,
    memoryBytes: machine.memoryBytes,
    engineVersion: version,
    images: images.flatMap(({ tags }) => tags).slice(0, IMAGES_MAX),
    ...(paths !== undefined && { paths }),
  };
}
