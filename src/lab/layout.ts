/**
 * Names, addresses and paths of a lab. Outsiders rely on them; they never change within a version.
 */

export const LAB_RUN_DIRECTORY = '/run/hawser-lab';
export const LAB_DATA_DIRECTORY = '/var/lib/hawser-lab';
export const LAB_LOCK_PATH = '/run/hawser-lab.lock';
export const LAB_STATE_PATH = `${LAB_RUN_DIRECTORY}/lab.json`;
/** Nodes of one machine share their images, as they share its disk. */
export const LAB_IMAGE_DIRECTORY = `${LAB_DATA_DIRECTORY}/images`;

/** Where managers listen. */
export const LAB_CLUSTER_PORT = 2377;

export const NAMESPACE_PREFIX = 'hawser-lab-';
/** Holds the bridge between the nodes, out of reach of the machine's own firewall. */
export const UNDERLAY_NAMESPACE = `${NAMESPACE_PREFIX}net`;

/** One member of the underlay: a node, or the client outside the cluster. */
export interface LabHost {
  readonly namespace: string;
  /** Name of its port on the underlay's bridge. */
  readonly port: string;
  readonly address: string;
  readonly address6: string;
}

export interface LabNode extends LabHost {
  readonly number: number;
  readonly dataDirectory: string;
  readonly runDirectory: string;
  readonly socketPath: string;
  readonly pidPath: string;
  readonly logPath: string;
  readonly metricsAddress: string;
}

export const LAB_CLIENT: LabHost = {
  namespace: `${NAMESPACE_PREFIX}client`,
  port: 'client',
  address: '198.18.0.254',
  address6: 'fd00:18::fe',
};

/** Numbers start at 1; the digits of the number end both addresses. */
export function labNode(number: number): LabNode {
  const runDirectory = `${LAB_RUN_DIRECTORY}/${number}`;
  return {
    number,
    namespace: `${NAMESPACE_PREFIX}${number}`,
    port: `n${number}`,
    address: `198.18.0.${number}`,
    address6: `fd00:18::${number}`,
    dataDirectory: `${LAB_DATA_DIRECTORY}/${number}`,
    runDirectory,
    socketPath: `${runDirectory}/hawser.sock`,
    pidPath: `${runDirectory}/agent.pid`,
    logPath: `${runDirectory}/agent.log`,
    metricsAddress: `198.18.0.${number}:9323`,
  };
}

export function labNodes(count: number): LabNode[] {
  return Array.from({ length: count }, (_, at) => labNode(at + 1));
}

export const namespacePath = (namespace: string): string => `/run/netns/${namespace}`;
