import { isIPv4 } from 'node:net';
import { ClusterError } from '../errors.ts';
import { DEFAULT_PORT, parseIpPort } from '../transport/index.ts';

/** Where a node says it can be reached; absent fields follow from where it was seen. */
export interface ClaimedPlace {
  readonly advertiseAddress?: string | undefined;
  readonly dataPathAddress?: string | undefined;
}

export interface Place {
  /** Where it was seen to connect from. */
  readonly address: string;
  readonly vtep: string;
}

/** Throws `ClusterError` when that gives no IPv4 address for the data path. */
export function placeOf(claimed: ClaimedPlace, seenAt: string): Place {
  const advertised =
    claimed.advertiseAddress === undefined
      ? undefined
      : parseIpPort(claimed.advertiseAddress, DEFAULT_PORT);
  const vtep = claimed.dataPathAddress ?? advertised?.host ?? seenAt;
  if (!isIPv4(vtep))
    throw new ClusterError(
      { code: 'invalid-address', address: vtep },
      `the node's data path address "${vtep}" is not an IPv4 address; choose one with ` +
        `--data-path-addr`,
    );
  return { address: seenAt, vtep };
}
