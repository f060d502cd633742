/** When and with whom push/pulls are made. */
import type { NetworkId } from '../../model/index.ts';
import type { Core } from '../core.ts';
import { syncScale } from '../spread/formulas.ts';
import type { PeerAddress } from '../wire/address.ts';
import { openSync } from './sync.ts';

/** Seeds that are tried at once. */
const SEEDS_AT_ONCE = 3;
const RETRY_FACTOR_MAX = 30;
const STRANGER_INTERVAL_MS = 2000;
/** Rows of many networks are not compared more often than this many times in an interval. */
const ROW_SYNCS_MAX = 10;

/** With a random member. */
export function tickSync(core: Core): void {
  const { settings, agenda, members, rng, nowMs } = core;
  agenda.syncAtMs = nowMs + settings.syncIntervalMs * syncScale(members.liveCount);
  const from = members.others;
  const isWanted = ({ state }: { state: { kind: string } }): boolean => state.kind === 'alive';
  for (const { address } of members.choose({ from, count: 1, rng, isWanted }))
    openSync(core, address, 'periodic');
}

/** With a random member that has the network whose rows were compared longest ago. */
export function tickRowSync(core: Core): void {
  const { settings, agenda, members, rng, nowMs } = core;
  const networks = ownNetworks(core);
  const share = Math.min(Math.max(networks.length, 1), ROW_SYNCS_MAX);
  agenda.rowSyncAtMs = nowMs + Math.ceil(settings.syncIntervalMs / share);
  const network = longestAgo(core, networks);
  if (network === undefined) return;
  core.networkSyncedMs.set(network, nowMs);
  for (const { address } of members.choose({ from: members.roster(network), count: 1, rng }))
    openSync(core, address, 'periodic');
}

export function nextRowSyncMs(core: Core): number {
  const hasRows = core.tables !== undefined && (core.self.networks?.size ?? 0) > 0;
  return hasRows ? core.agenda.rowSyncAtMs : Infinity;
}

/**
 * With a member at `address` that is not known here although it knows this node. Once in a while:
 * one such push/pull tells of all others too.
 */
export function syncWithStranger(core: Core, address: PeerAddress): void {
  const { agenda, nowMs } = core;
  if (nowMs < agenda.strangerAtMs) return;
  if (openSync(core, address, 'periodic')) agenda.strangerAtMs = nowMs + STRANGER_INTERVAL_MS;
}

/**
 * With a random dead member: two sides of a cluster that lost each other for longer than the dead
 * are gossiped to would else never speak again.
 */
export function tickReconnect(core: Core): void {
  const { settings, agenda, members, rng, nowMs } = core;
  agenda.reconnectAtMs = nowMs + settings.reconnectIntervalMs;
  const dead = [...members.gone.values()].filter(({ state }) => state.kind === 'dead');
  for (const { address } of members.choose({ from: dead, count: 1, rng }))
    openSync(core, address, 'reconnect');
}

export function nextReconnectMs({ agenda, members }: Core): number {
  return members.gone.size > 0 ? agenda.reconnectAtMs : Infinity;
}

/** With seeds, again and again, until one has answered. */
export function tickJoin(core: Core): void {
  const { joining, nowMs } = core;
  if (joining === undefined) return;
  const seeds = [...joining.seeds];
  for (let tries = 0; tries < SEEDS_AT_ONCE && seeds.length > 0; tries += 1) {
    const at = core.spread(seeds.length) - 1;
    for (const seed of seeds.splice(at, 1)) openSync(core, seed, 'join');
  }
  joining.nextAtMs = nowMs + joining.retryMs;
  joining.retryMs = Math.min(joining.retryMs * 2, core.settings.joinRetryMs * RETRY_FACTOR_MAX);
}

/** Starts looking for a cluster; an earlier search ends. */
export function beginJoin(core: Core, seeds: readonly PeerAddress[]): void {
  core.joining = {
    seeds: seeds.slice(0, core.settings.seedsMax),
    isNewcomer: core.members.liveCount === 1,
    nextAtMs: core.nowMs,
    retryMs: core.settings.joinRetryMs,
  };
}

function ownNetworks(core: Core): NetworkId[] {
  const networks: NetworkId[] = [];
  for (const [network, { isJoined }] of core.self.networks ?? [])
    if (isJoined) networks.push(network);
  return networks;
}

function longestAgo(core: Core, networks: readonly NetworkId[]): NetworkId | undefined {
  let found: NetworkId | undefined;
  let foundMs = Infinity;
  for (const network of networks) {
    const syncedMs = core.networkSyncedMs.get(network) ?? -Infinity;
    if (syncedMs >= foundMs) continue;
    found = network;
    foundMs = syncedMs;
  }
  return found;
}
