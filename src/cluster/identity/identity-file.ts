/**
 * Who this node is in which cluster, and how it takes part: `member.json`, mode 0600, replaced as a
 * whole.
 *
 * The file is the last thing written when a node enters a cluster and the first thing removed when
 * it leaves, so whatever else lies in the directory without it is left over from something that did
 * not happen. A manager's keys are sealed in it while its cluster locks managers; all else can be
 * read without the unlock key. Version 1 knew neither seals nor data keys; it is read, and written
 * again as version 2.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../base/index.ts';
import type { ClusterId, NodeId } from '../../model/index.ts';
import type { PeerId } from '../../raft/index.ts';
import { ClusterError } from '../errors.ts';
import { SYSTEM_DISK, errnoOf, replaceFile } from '../log/index.ts';
import type { NodeRole } from './certificates.ts';
import {
  createDataKey,
  openKeys,
  sealKeys,
  sealedKeysSchema,
  type NodeKeys,
  type SealedKeys,
} from './sealing.ts';

export interface Identity {
  readonly clusterId: ClusterId;
  readonly nodeId: NodeId;
  readonly role: NodeRole;
  /** Roots that it trusts, PEM, one after the other. */
  readonly authorityPem: string;
  /** Its certificate, and what goes with it below a root. */
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** An identity, and the addresses this node was told to use. */
export interface Membership extends Identity {
  /** Keys of a manager's log, base64, newest first. */
  readonly dataKeys?: readonly string[];
  /** The manager's peer in the group, once its log is begun. Whoever loses the log loses it. */
  readonly peerId?: PeerId;
  /** What seals the keys of a manager in the file; never in it. */
  readonly unlockKey?: string;
  /** `address:port` that other nodes reach this one at; workers may have none. */
  readonly advertiseAddress: string | undefined;
  readonly listenAddress: string;
  readonly dataPathAddress: string | undefined;
  /** Managers as last heard, `address:port`. */
  readonly managers: readonly string[];
}

/** A manager's membership, without the keys that the unlock key opens. */
export interface LockedMembership extends Omit<Membership, 'keyPem' | 'dataKeys' | 'unlockKey'> {
  readonly sealed: SealedKeys;
}

const fields = {
  clusterId: z.string().transform((text) => text as ClusterId),
  nodeId: z.string().transform((text) => text as NodeId),
  role: z.enum(['worker', 'manager']),
  authorityPem: z.string(),
  certificatePem: z.string(),
  advertiseAddress: z.string().optional(),
  listenAddress: z.string(),
  dataPathAddress: z.string().optional(),
  managers: z.array(z.string()),
  peerId: z
    .string()
    .transform((text) => text as PeerId)
    .optional(),
};

const versionSchema = z.object({ version: z.literal([1, 2]) });
const openSchema = z.object({
  ...fields,
  keyPem: z.string(),
  dataKeys: z.array(z.base64()).default([]),
});
const lockedSchema = z.object({ ...fields, sealed: sealedKeysSchema });
const fileSchema = z.union([lockedSchema, openSchema]);

function pathOf(directory: string): string {
  return join(directory, 'member.json');
}

export function isLocked(stored: Membership | LockedMembership): stored is LockedMembership {
  return 'sealed' in stored;
}

/**
 * Undefined when this node is in no cluster. Throws `ClusterError` when the file cannot be read.
 */
export async function loadMembership(
  directory: string,
): Promise<Membership | LockedMembership | undefined> {
  const path = pathOf(directory);
  let text: string;
  try {
    text = (await SYSTEM_DISK.read(path)).toString();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const json: unknown = JSON.parse(text);
    versionSchema.parse(json);
    const { advertiseAddress, dataPathAddress, peerId, ...rest } = fileSchema.parse(json);
    return { ...rest, advertiseAddress, dataPathAddress, ...(peerId !== undefined && { peerId }) };
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

/** Throws `ClusterError` with code `invalid-unlock-key` when it is another key. */
export function unlockMembership(locked: LockedMembership, unlockKey: string): Membership {
  const { sealed, ...rest } = locked;
  return { ...rest, ...openKeys(sealed, unlockKey, ownerOf(locked)), unlockKey };
}

/** Data keys that are kept at most: older ones open what the log was sealed with before. */
const DATA_KEYS_MAX = 8;

/**
 * The membership with another unlock key, or without one. A data key that lay open on the disk, or
 * behind a key that was given up, seals nothing more: a new one goes before it.
 */
export function withUnlockKey(membership: Membership, unlockKey: string | undefined): Membership {
  const { unlockKey: before, dataKeys = [], ...rest } = membership;
  if (before === unlockKey) return membership;
  if (unlockKey === undefined) return { ...rest, dataKeys };
  const hasRoom = dataKeys.length > 0 && dataKeys.length < DATA_KEYS_MAX;
  return { ...rest, unlockKey, dataKeys: hasRoom ? [createDataKey(), ...dataKeys] : dataKeys };
}

/** With an unlock key, a manager's keys are written sealed with it. */
export async function saveMembership(directory: string, membership: Membership): Promise<void> {
  const { keyPem, dataKeys = [], unlockKey, ...rest } = membership;
  const keys: NodeKeys = { keyPem, dataKeys };
  const isSealed = membership.role === 'manager' && unlockKey !== undefined;
  const kept = isSealed ? { sealed: sealKeys(keys, unlockKey, ownerOf(membership)) } : keys;
  const text = JSON.stringify({ version: 2, ...rest, ...kept });
  await SYSTEM_DISK.makeDirectory(directory);
  await replaceFile(SYSTEM_DISK, pathOf(directory), Buffer.from(text));
}

export async function removeMembership(directory: string): Promise<void> {
  await SYSTEM_DISK.remove(pathOf(directory));
  await SYSTEM_DISK.syncDirectory(directory);
}

function ownerOf(membership: { readonly clusterId: string; readonly nodeId: string }): string {
  return `${membership.clusterId}/${membership.nodeId}`;
}
