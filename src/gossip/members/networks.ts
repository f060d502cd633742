import type { NetworkId } from '../../model/index.ts';
import type { Core } from '../core.ts';
import type { NetworkNews } from '../wire/messages.ts';
import { answerNetworks } from './defence.ts';
import type { Member } from './member.ts';

/**
 * What a member says of its networks: of two claims about one network the later holds. Each member
 * counts its own, so no clock is needed; one that comes back without memory learns its count from
 * what the others still hold of it.
 */
export function applyNetwork(core: Core, news: NetworkNews): void {
  if (core.isSelf(news.id)) {
    answerNetworks(core, news);
    return;
  }
  const member = core.members.get(news.id);
  // Whoever is not known is not known to have networks: push/pull brings both.
  if (member === undefined) return;
  const { network, time, isJoined } = news;
  const known = member.networks?.get(network);
  if (known !== undefined && known.time >= time) return;
  if (known === undefined && !hasRoom(core, member)) return;
  core.members.setClaim(member, network, { time, isJoined });
  core.tables?.setOwnerNetwork(member.id, network, isJoined);
  core.broadcast(news);
  if ((known?.isJoined ?? false) !== isJoined) core.emitMember('member.networks', member);
}

/**
 * A table that is new has heard of nobody's leaving, and is told rows of those who left by others
 * that still hold them.
 */
export function tellWhoLeft({ members, tables }: Core, network: NetworkId): void {
  if (tables === undefined) return;
  for (const { id, networks } of members.all)
    if (networks?.get(network)?.isJoined === false) tables.setOwnerNetwork(id, network, false);
}

/** Makes room by forgetting a network that the member left. */
function hasRoom(core: Core, member: Member): boolean {
  const { networks } = member;
  if (networks === undefined || networks.size < core.settings.networksPerMemberMax) return true;
  for (const [network, { isJoined }] of networks) {
    if (isJoined) continue;
    core.members.forgetClaim(member, network);
    return true;
  }
  core.counters.networksRefused += 1;
  return false;
}
