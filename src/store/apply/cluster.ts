import { tryParseCidr4 } from '../../base/index.ts';
import type { Cluster, NetworkSpec } from '../../model/index.ts';
import type { Command, Refusal } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { SUBNET_BITS_MAX } from '../pool/subnets.ts';
import { changeAuthority } from './authority.ts';
import { applyNetworkCreate } from './network.ts';
import { OUT_OF_SEQUENCE, refuse } from './refuse.ts';

type Create = Extract<Command, { type: 'cluster.create' }>;
type Update = Extract<Command, { type: 'cluster.update' }>;
type NextKeys = Extract<Command, { type: 'cluster.gossip-keys' }>;

/** The ingress network as `swarm init` makes it. */
const INGRESS_SPEC: NetworkSpec = {
  Name: 'ingress',
  Labels: {},
  Driver: 'overlay',
  Options: {},
  Internal: false,
  Attachable: false,
  Ingress: true,
  EnableIPv6: false,
  IPAM: { Driver: 'default', Options: {}, Config: [] },
};

/** Nothing -> cluster with its ingress network. */
export function applyClusterCreate(draft: Draft, command: Create): Refusal | undefined {
  if (draft.state.cluster !== undefined) return refuse('name-taken', 'the cluster exists already');
  const problem = poolProblem(command.cluster.addressPools, command.cluster.subnetBits);
  if (problem !== undefined) return refuse('invalid', problem);
  draft.setCluster({ ...command.cluster, meta: draft.meta() });
  return applyNetworkCreate(draft, {
    type: 'network.create',
    atMs: command.atMs,
    id: command.ingressId,
    spec: INGRESS_SPEC,
  });
}

/**
 * New spec; and where that was asked for new join secrets, another root, another key for locked
 * managers.
 */
export function applyClusterUpdate(draft: Draft, command: Update): Refusal | undefined {
  const { cluster } = draft.state;
  if (cluster === undefined) return refuse('not-found', 'there is no cluster');
  if (cluster.meta.revision !== command.version) return OUT_OF_SEQUENCE;
  const isLocking = command.spec.EncryptionConfig.AutoLockManagers;
  const { unlockKey: keyBefore, ...rest } = cluster;
  const unlockKey = isLocking ? (command.unlockKey ?? keyBefore) : undefined;
  if (isLocking && unlockKey === undefined)
    return refuse('invalid', 'managers cannot be locked without a key that unlocks them');
  const updated: Cluster = {
    ...rest,
    meta: draft.meta(cluster.meta),
    spec: command.spec,
    joinSecrets: { ...cluster.joinSecrets, ...command.joinSecrets },
    ...(unlockKey !== undefined && { unlockKey }),
  };
  if (command.authority === undefined) return void draft.setCluster(updated);
  const changed = changeAuthority(updated, command.authority);
  if ('refusal' in changed) return changed.refusal;
  draft.setCluster(changed.cluster);
  return undefined;
}

/**
 * Takes the keys of the generation after the present one. The cluster's version stays: who updates
 * its spec need not know of keys.
 */
export function applyGossipKeys(draft: Draft, command: NextKeys): Refusal | undefined {
  const { cluster } = draft.state;
  if (cluster === undefined) return refuse('not-found', 'there is no cluster');
  const { gossipKeys, atMs: sinceMs } = command;
  if (gossipKeys.generation !== (cluster.gossipKeys?.generation ?? 0) + 1) return OUT_OF_SEQUENCE;
  draft.setCluster({ ...cluster, gossipKeys: { ...gossipKeys, sinceMs } });
  return undefined;
}

function poolProblem(pools: readonly string[], subnetBits: number): string | undefined {
  if (pools.length === 0) return 'default address pool: at least one pool is needed';
  for (const text of pools) {
    const pool = tryParseCidr4(text);
    if (pool === undefined) return `invalid default address pool ${text}: not an IPv4 prefix`;
    if (pool.bits > subnetBits)
      return `invalid default address pool ${text}: smaller than a subnet of /${subnetBits}`;
  }
  return Number.isInteger(subnetBits) && subnetBits > 0 && subnetBits < SUBNET_BITS_MAX
    ? undefined
    : `invalid default address pool mask length ${subnetBits}: must be 1 to ${SUBNET_BITS_MAX - 1}`;
}
