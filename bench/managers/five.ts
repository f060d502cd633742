/** A lab of five managers, each a process. */
import { join } from 'node:path';
import { ApiClient } from '../../src/client/index.ts';
import { buildDemoImage, DEMO_CHANGES } from '../../src/lab/demo/image.ts';
import { labDown, labNode, labNodes, labStatus, labUp, type LabNode } from '../../src/lab/index.ts';
import { onNode, withDirectory } from '../tools.ts';

export const MANAGERS = 5;
export const IMAGE = 'whoami:1';

/** Takes the lab away whatever happens. */
export async function withFive<T>(use: (nodes: readonly LabNode[]) => Promise<T>): Promise<T> {
  await labDown();
  await labUp({ nodes: MANAGERS, managers: MANAGERS, runtime: 'oci', lb: 'auto' });
  try {
    return await use(labNodes(MANAGERS));
  } finally {
    await labDown();
  }
}

export async function importDemoImage(): Promise<void> {
  await withDirectory(async (directory) => {
    const tarPath = join(directory, 'whoami.tar');
    await buildDemoImage(tarPath);
    const changes = DEMO_CHANGES.flatMap((change) => ['--change', change]);
    await onNode(1, 'image', 'import', ...changes, tarPath, IMAGE);
  });
}

export const apiOf = (node: number): ApiClient =>
  new ApiClient({ kind: 'unix', path: labNode(node).socketPath });

export interface Agent {
  readonly number: number;
  readonly pid: number;
}

/** The agents that run, the leader's first; none until somebody leads. */
export async function agents(): Promise<readonly Agent[]> {
  const seen = await labStatus();
  const running = seen.flatMap(({ number, pid, role }) =>
    pid === undefined ? [] : [{ number, pid, isLeader: role === 'leader' }],
  );
  const leader = running.find(({ isLeader }) => isLeader);
  return leader === undefined ? [] : [leader, ...running.filter((agent) => agent !== leader)];
}
