/** News that wait are told to a few random members at a time (SWIM's dissemination; memberlist). */
import type { NetworkId } from '../../model/index.ts';
import type { Core } from '../core.ts';
import type { Member } from '../members/member.ts';
import { goneSinceMs } from '../members/rules.ts';
import { MESSAGE_HEADER_BYTES } from '../wire/encode.ts';
import type { PeerAddress } from '../wire/address.ts';
import type { Rows } from '../wire/messages.ts';

/** A `rows` message around a table's bytes. */
const ROWS_OVERHEAD_BYTES = MESSAGE_HEADER_BYTES + 4;
const VERSION_BYTES = 1;

/** When news go out next; `Infinity` while there are none. */
export function nextGossipMs(core: Core): number {
  const hasNews = core.broadcasts.length > 0 || hasRowNews(core);
  return hasNews ? core.agenda.gossipAtMs : Infinity;
}

export function tickGossip(core: Core): void {
  core.agenda.gossipAtMs = core.nowMs + core.settings.gossipIntervalMs;
  tellMembers(core);
  for (const network of core.tables?.networksWithNews ?? []) tellRows(core, network);
}

function hasRowNews({ tables }: Core): boolean {
  for (const network of tables?.networksWithNews ?? []) return network.length > 0;
  return false;
}

function tellMembers(core: Core): void {
  if (core.broadcasts.length === 0) return;
  const { members, rng, settings } = core;
  const dead = freshlyDead(core);
  const from = dead.length === 0 ? members.others : [...members.others, ...dead];
  const targets = members.choose({ from, count: settings.gossipFanout, rng });
  for (const { address } of targets) if (core.broadcasts.length > 0) core.send(address, []);
  // Nobody is there to be told: what waits would wait for ever.
  if (from.length === 0) core.broadcasts.clear();
}

/** The dead may live, on the far side of a cut: for a while they are told as well (memberlist). */
function freshlyDead(core: Core): Member[] {
  const sinceMs = core.nowMs - core.settings.gossipToDeadMs;
  if (core.lastDeathMs < sinceMs) return [];
  return [...core.members.gone.values()].filter(
    (member) => member.state.kind === 'dead' && goneSinceMs(member) >= sinceMs,
  );
}

/** Rows travel only among those that have their network. */
function tellRows(core: Core, network: NetworkId): void {
  const { members, rng, settings, tables } = core;
  const roster = members.roster(network);
  const targets = members.choose({ from: roster, count: settings.gossipFanout, rng });
  const budget = rowsRoom(core);
  for (const { address } of targets)
    sendRows(core, address, tables?.takeBroadcasts(network, budget, roster.length + 1) ?? []);
  // Nobody else has the network: what waits would wait for ever.
  if (targets.length === 0) tables?.takeBroadcasts(network, budget, 1);
}

/** Bytes of tables that fit a packet with nothing else. */
export function rowsRoom(core: Core): number {
  return core.packetRoom - VERSION_BYTES - ROWS_OVERHEAD_BYTES;
}

/** One packet for each message. */
export function sendRows(core: Core, to: PeerAddress, told: readonly Uint8Array[]): void {
  for (const bytes of told) core.send(to, [rowsMessage(core, bytes)]);
}

export function rowsMessage(core: Core, bytes: Uint8Array): Rows {
  return { kind: 'rows', source: core.self.hash, bytes };
}
