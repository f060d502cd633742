/**
 * An update of the cluster as operators ask for it, made into the store's command: everything that
 * needs randomness, keys or other machines happens here, before the log.
 */
import type { Cluster, ClusterSpec, Revision } from '../../model/index.ts';
import type { Command } from '../../store/index.ts';
import { planAuthority, type ChangeContext } from './authority/change.ts';
import { createUnlockKey } from './sealing.ts';
import { createJoinSecret } from './token.ts';

/** `docker swarm update`, `swarm ca`, `join-token --rotate` and `unlock-key --rotate`. */
export interface ClusterUpdateRequest {
  readonly version: Revision;
  /** May name a root to rotate to, and its key. */
  readonly spec: ClusterSpec;
  readonly rotate: {
    readonly workerToken: boolean;
    readonly managerToken: boolean;
    readonly unlockKey: boolean;
  };
}

export type ClusterUpdate = Omit<Extract<Command, { type: 'cluster.update' }>, 'atMs'>;

/** Throws `ClusterError` when the authority cannot be what is asked for. */
export async function planClusterUpdate(
  cluster: Cluster,
  request: ClusterUpdateRequest,
  context: ChangeContext,
): Promise<ClusterUpdate> {
  const { version, spec, rotate } = request;
  // An update of an older version is refused by the store; it starts no rotation before.
  const authority =
    version === cluster.meta.revision
      ? await planAuthority({ ...cluster, spec }, context)
      : undefined;
  const isLocking = spec.EncryptionConfig.AutoLockManagers;
  const needsKey = isLocking && (rotate.unlockKey || cluster.unlockKey === undefined);
  return {
    type: 'cluster.update',
    version,
    spec: withoutRoot(spec),
    joinSecrets: {
      ...(rotate.workerToken && { worker: createJoinSecret() }),
      ...(rotate.managerToken && { manager: createJoinSecret() }),
    },
    ...(authority !== undefined && { authority }),
    ...(needsKey && { unlockKey: createUnlockKey() }),
  };
}

/** The spec as it is kept: a root that is rotated to is no standing wish, and its key a secret. */
export function withoutRoot(spec: ClusterSpec): ClusterSpec {
  const { SigningCACert, SigningCAKey, ...CAConfig } = spec.CAConfig;
  return SigningCACert === undefined && SigningCAKey === undefined ? spec : { ...spec, CAConfig };
}
