/**
 * Who this node is in which cluster, and how it takes part: `member.json`, mode 0600, replaced as a
 * whole.
 *
 * The file is the last thing written when a node enters a cluster and the first thing removed when
 * it leaves, so whatever else lies in the directory without it is left over from something that did
 * not happen.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../base/index.ts';
import type { ClusterId, NodeId } from '../../model/index.ts';
import { ClusterError } from '../errors.ts';
import { SYSTEM_DISK, errnoOf, replaceFile } from '../log/index.ts';
import type { NodeRole } from './certificates.ts';

export interface Identity {
  readonly clusterId: ClusterId;
  readonly nodeId: NodeId;
  readonly role: NodeRole;
  readonly authorityPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** An identity, and the addresses this node was told to use. */
export interface Membership extends Identity {
  /** `address:port` that other nodes reach this one at; workers may have none. */
  readonly advertiseAddress: string | undefined;
  readonly listenAddress: string;
  readonly dataPathAddress: string | undefined;
  /** Managers as last heard, `address:port`. */
  readonly managers: readonly string[];
}

const membershipSchema = z.object({
  version: z.literal(1),
  clusterId: z.string().transform((text) => text as ClusterId),
  nodeId: z.string().transform((text) => text as NodeId),
  role: z.enum(['worker', 'manager']),
  authorityPem: z.string(),
  certificatePem: z.string(),
  keyPem: z.string(),
  advertiseAddress: z.string().optional(),
  listenAddress: z.string(),
  dataPathAddress: z.string().optional(),
  managers: z.array(z.string()),
});

function pathOf(directory: string): string {
  return join(directory, 'member.json');
}

/**
 * Undefined when this node is in no cluster. Throws `ClusterError` when the file cannot be read.
 */
export async function loadMembership(directory: string): Promise<Membership | undefined> {
  const path = pathOf(directory);
  let text: string;
  try {
    text = (await SYSTEM_DISK.read(path)).toString();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { advertiseAddress, dataPathAddress, ...rest } = membershipSchema.parse(JSON.parse(text));
    return { ...rest, advertiseAddress, dataPathAddress };
  } catch (error) {
    throw new ClusterError(
      { code: 'damaged', file: path, offset: 0 },
      `${path} is damaged (${messageOf(error)}): this node does not know who it is. Restore the ` +
        `file from a backup, or ` +
        `leave with "swarm leave --force" and join again`,
      error,
    );
  }
}

export async function saveMembership(directory: string, membership: Membership): Promise<void> {
  const text = JSON.stringify({ version: 1, ...membership });
  await SYSTEM_DISK.makeDirectory(directory);
  await replaceFile(SYSTEM_DISK, pathOf(directory), Buffer.from(text));
}

export async function removeMembership(directory: string): Promise<void> {
  await SYSTEM_DISK.remove(pathOf(directory));
  await SYSTEM_DISK.syncDirectory(directory);
}
