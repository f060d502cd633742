import { familyOf, familyOfText, tryParseCidr } from '../../base/index.ts';
import type { Cluster, NetworkSpec } from '../../model/index.ts';
import type { Command, Refusal } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { SUBNET6_BITS, SUBNET_BITS_MAX } from '../pool/subnets.ts';
import { changeAuthority } from './authority.ts';
import { applyNetworkCreate } from './network.ts';
import { OUT_OF_SEQUENCE, refuse } from './refuse.ts';

type Create = Extract<Command, { type: 'cluster.create' }>;
type Update = Extract<Command, { type: 'cluster.update' }>;
type NextKeys = Extract<Command, { type: 'cluster.gossip-keys' }>;

/** The ingress network as `swarm init` makes it: with IPv6 where the cluster has a pool for it. */
function ingressSpec(addressPools: readonly string[]): NetworkSpec {
  return {
    Name: 'ingress',
    Labels: {},
    Driver: 'overlay',
    Options: {},
    Internal: false,
    Attachable: false,
    Ingress: true,
    EnableIPv6: addressPools.some((pool) => familyOfText(pool) === 6),
    IPAM: { Driver: 'default', Options: {}, Config: [] },
  };
}

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
    spec: ingressSpec(command.cluster.addressPools),
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
  const ids = new Set(gossipKeys.keys.map(({ id }) => id));
  const betrayed = cluster.gossipKeys?.betrayed?.filter((id) => ids.has(id)) ?? [];
  const left = betrayed.length > 0 ? { betrayed } : {};
  draft.setCluster({ ...cluster, gossipKeys: { ...gossipKeys, sinceMs, ...left } });
  return undefined;
}

/** A node that is removed keeps what it was told: every key of this moment is to go. */
export function betrayGossipKeys(draft: Draft): void {
  const { cluster } = draft.state;
  if (cluster?.gossipKeys === undefined) return;
  const betrayed = cluster.gossipKeys.keys.map(({ id }) => id);
  draft.setCluster({ ...cluster, gossipKeys: { ...cluster.gossipKeys, betrayed } });
}

function poolProblem(pools: readonly string[], subnetBits: number): string | undefined {
  if (!pools.some((pool) => familyOfText(pool) === 4))
    return 'default address pool: at least one IPv4 pool is needed';
  for (const text of pools) {
    const pool = tryParseCidr(text);
    if (pool === undefined) return `invalid default address pool ${text}: not an IP prefix`;
    const bits = familyOf(pool.base) === 4 ? subnetBits : SUBNET6_BITS;
    if (pool.bits > bits)
      return `invalid default address pool ${text}: smaller than a subnet of /${bits}`;
  }
  const last = SUBNET_BITS_MAX[4] - 1;
  return Number.isInteger(subnetBits) && subnetBits > 0 && subnetBits <= last
    ? undefined
    : `invalid default address pool mask length ${subnetBits}: must be 1 to ${last}`;
}
