/** How this node keeps others from thinking wrongly of it. */
import type { Core } from '../core.ts';
import { isSameBytes } from './member.ts';
import { isSameAddress } from '../wire/address.ts';
import type { Alive, Incarnation, NetworkNews, NetworkTime } from '../wire/messages.ts';

/**
 * Someone says that this node is suspected, dead or has left. With a greater incarnation than the
 * accusation's that is refuted (SWIM, section 4.2); being accused is also a sign of being slow.
 */
export function answerAccusation(core: Core, incarnation: Incarnation): void {
  if (core.life.kind !== 'present') return;
  if (incarnation >= core.self.incarnation) refute(core, incarnation);
  else if (!core.broadcasts.hasMember(core.self.id)) core.broadcastSelf();
}

/**
 * Someone says that this node lives, elsewhere or with a later incarnation. From the own address
 * that is an earlier life, to be outlived. From another one it is a namesake: two nodes that
 * outbid each other would never end, so this one only reports it, and the members, who believe
 * nobody in place of one that lives, decide by who of the two answers.
 */
export function answerNamesake(core: Core, alive: Alive): void {
  if (!isSameAddress(alive.address, core.self.address)) {
    if (core.mayReportConflict()) core.emit({ kind: 'self.conflict', claimed: alive.address });
    return;
  }
  const { incarnation, meta } = core.self;
  const isLater = alive.incarnation > incarnation;
  const isOther = alive.incarnation === incarnation && !isSameBytes(alive.meta, meta);
  if ((isLater || isOther) && core.life.kind === 'present')
    raiseIncarnation(core, alive.incarnation);
}

/** Beyond `heard`, and tells everyone. */
export function raiseIncarnation(core: Core, heard: Incarnation): void {
  const incarnation = (Math.max(heard, core.self.incarnation) + 1) as Incarnation;
  core.members.update(core.self, { incarnation });
  core.broadcastSelf();
}

/** Someone says which networks this node has: corrected, unless it is what this node said last. */
export function answerNetworks(core: Core, news: NetworkNews): void {
  const { network, time } = news;
  const own = core.self.networks?.get(network);
  core.networkTime = Math.max(core.networkTime, time) as NetworkTime;
  if (core.life.kind !== 'present') return;
  if (own !== undefined && own.time > time) return;
  if (own !== undefined && own.time === time && own.isJoined === news.isJoined) return;
  const isJoined = own?.isJoined ?? false;
  if (own === undefined && !news.isJoined) return;
  sayNetwork(core, { ...news, isJoined });
}

/** Says with a new time whether this node has a network. */
export function sayNetwork(core: Core, news: Pick<NetworkNews, 'network' | 'isJoined'>): void {
  const { network, isJoined } = news;
  const time = (core.networkTime + 1) as NetworkTime;
  core.networkTime = time;
  core.members.setClaim(core.self, network, { time, isJoined });
  core.broadcast({ kind: 'network', id: core.self.id, network, time, isJoined });
}

function refute(core: Core, accused: Incarnation): void {
  core.counters.refutations += 1;
  core.awareness.apply(1);
  raiseIncarnation(core, accused);
  core.emit({ kind: 'self.refuted', incarnation: core.self.incarnation });
}
