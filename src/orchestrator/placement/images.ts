import type { ContainerSpec } from '../../model/index.ts';
import type { NodeLoad } from './node-loads.ts';

/**
 * Of the nodes that take tasks, those that have the image; all nodes, if none has it. An image that
 * was imported on some nodes only can start nowhere else, and where no node has it, the node's own
 * error says more than an empty placement.
 */
export function nodesWithImage(
  loads: readonly NodeLoad[],
  container: ContainerSpec,
): readonly NodeLoad[] {
  const wanted = normalImageName(container.Image);
  const having = loads.filter(
    ({ node }) =>
      node.state === 'ready' &&
      node.spec.Availability === 'active' &&
      node.description.images.some((name) => normalImageName(name) === wanted),
  );
  return having.length > 0 ? having : loads;
}

/**
 * `busybox`, `library/busybox:latest` and `docker.io/library/busybox` are one image. A digest
 * decides nothing here.
 */
export function normalImageName(name: string): string {
  const [reference = ''] = name.split('@');
  const short = reference.replace(/^(index\.)?docker\.io\//, '').replace(/^library\//, '');
  return /:[^/]+$/.test(short) ? short : `${short}:latest`;
}
