/**
 * Which of two claims about a member holds (SWIM, section 4.2): the one with the greater
 * incarnation; among equals `left` over `dead` over `suspect` over `alive`. As only the member
 * itself raises its incarnation, it alone can take back what others say of it. Unlike SWIM's
 * "confirm", a death too is taken back by a greater incarnation (memberlist).
 */
import type { NodeId } from '../../model/index.ts';
import type { Core } from '../core.ts';
import { Suspicion, type SuspicionLimits } from '../probe/suspicion.ts';
import { gossipRounds } from '../spread/formulas.ts';
import { isSameAddress } from '../wire/address.ts';
import type { Alive, Dead, Incarnation, Left, MemberHash, Suspect } from '../wire/messages.ts';
import { answerAccusation, answerNamesake } from './defence.ts';
import { ALIVE, isLive, isSameBytes, type Member } from './member.ts';

/** `Unknown | Alive | Suspect | Dead | Left -> Alive` */
export function applyAlive(core: Core, alive: Alive): void {
  if (core.isSelf(alive.id)) {
    answerNamesake(core, alive);
    return;
  }
  const member = core.members.get(alive.id);
  if (member === undefined) {
    maybeAdd(core, alive);
    return;
  }
  if (alive.incarnation <= member.incarnation) return;
  if (!isSpoken(core, alive)) return;
  if (isLive(member) && !isSameAddress(member.address, alive.address)) noteConflict(core, alive);
  else revive(core, member, alive);
}

/** `Alive -> Suspect`, `Suspect -> Suspect` with one more accuser. */
export function applySuspect(core: Core, { id, incarnation, accusers }: Suspect): void {
  if (core.isSelf(id)) {
    answerAccusation(core, incarnation);
    return;
  }
  const member = core.members.get(id);
  if (member === undefined || !isLive(member)) return;
  if (incarnation < member.incarnation) {
    core.noteRefuted(member);
    return;
  }
  if (member.state.kind === 'suspect' && incarnation === member.incarnation)
    confirm(core, member, accusers);
  else beginSuspicion(core, { member, incarnation, accusers });
}

/** `Alive | Suspect -> Dead` */
export function applyDead(core: Core, dead: Dead): void {
  const { id, incarnation } = dead;
  if (core.isSelf(id)) {
    answerAccusation(core, incarnation);
    return;
  }
  const member = core.members.get(id);
  if (member === undefined || incarnation < member.incarnation) return;
  if (isLive(member)) bury(core, member, dead);
  else core.members.update(member, { incarnation });
}

/**
 * A death that a peer tells in a push/pull. It may have parted from this node's side of the cluster
 * long ago, so its dead are only suspects here and have their chance to refute (memberlist).
 */
export function applyToldDead(core: Core, { id, incarnation, accuser }: Dead): void {
  applySuspect(core, { kind: 'suspect', id, incarnation, accusers: [accuser] });
}

/** `Alive | Suspect | Dead -> Left` */
export function applyLeft(core: Core, left: Left): void {
  const { id, incarnation } = left;
  if (core.isSelf(id)) {
    answerAccusation(core, incarnation);
    return;
  }
  const member = core.members.get(id);
  if (member === undefined || incarnation < member.incarnation) return;
  if (member.state.kind === 'left') {
    core.members.update(member, { incarnation });
    return;
  }
  setGone(core, member, { incarnation, state: { kind: 'left', sinceMs: core.nowMs } });
  core.members.forgetClaims(member);
  core.broadcast(left);
  core.tables?.forgetOwner(id);
  core.emitMember('member.left', member);
}

/** This node itself got no answer from `member`. `Alive -> Suspect` */
export function suspect(core: Core, member: Member): void {
  const { id, incarnation } = member;
  applySuspect(core, { kind: 'suspect', id, incarnation, accusers: [core.self.hash] });
  const { state } = member;
  if (state.kind !== 'suspect') return;
  // The accused need not wait for gossip to hear of it.
  const { accusers } = state.suspicion;
  core.send(member.address, [{ kind: 'suspect', id, incarnation, accusers }]);
}

/**
 * This node pinged a member in vain for someone else. Is it suspected, before or within the next
 * two intervals, then this node is one more accuser: it saw the same, independently. Without that
 * the confirmations of most crashes would wait for probes that happen to come by.
 */
export function testify(core: Core, target: MemberHash): void {
  core.relays.noteMissed(target, core.nowMs);
  const member = core.members.withHash(target);
  if (member !== undefined) confirm(core, member, [core.self.hash]);
}

/** Warns the suspects whose time is nearly over, and declares dead those for whom it is. */
export function tickSuspicions(core: Core): void {
  for (const member of [...core.suspects]) {
    const { id, incarnation, state } = member;
    if (state.kind !== 'suspect' || nextOf(core, state.suspicion) > core.nowMs) continue;
    if (state.suspicion.warnedAtMs === undefined) warn(core, member, state.suspicion);
    else bury(core, member, { kind: 'dead', id, incarnation, accuser: core.self.hash });
  }
}

/** When a suspicion comes to its next step. */
export function nextSuspicionMs(core: Core): number {
  let next = Infinity;
  if (core.suspects.size === 0) return next;
  for (const { state } of core.suspects)
    if (state.kind === 'suspect') next = Math.min(next, nextOf(core, state.suspicion));
  return next;
}

/** Who is warned late, because confirmations came late, has as long to answer. */
function nextOf({ settings }: Core, { deadlineMs, warnedAtMs }: Suspicion): number {
  const { probeTimeoutMs } = settings;
  if (warnedAtMs === undefined) return deadlineMs - probeTimeoutMs;
  return Math.max(deadlineMs, warnedAtMs + probeTimeoutMs);
}

/**
 * Gossip misses a few members now and then, so a refutation may have come to all but this node.
 * Before it declares a suspect dead it asks once more, the suspect and a few others: whoever hears
 * an accusation that is refuted says so with its ack.
 */
function warn(core: Core, member: Member, suspicion: Suspicion): void {
  suspicion.warnedAtMs = core.nowMs;
  const { id, incarnation } = member;
  const accusation = { kind: 'suspect', id, incarnation, accusers: suspicion.accusers } as const;
  const others = core.members.choose({
    from: core.members.others,
    count: core.settings.indirectProbes,
    rng: core.rng,
    isWanted: (other) => other !== member && other.state.kind === 'alive',
  });
  for (const { address, hash } of [member, ...others]) {
    const sequence = core.nextSequence();
    const ping = { kind: 'ping', sequence, target: hash, source: core.self.hash } as const;
    core.send(address, [accusation, ping]);
  }
}

/** Forgets those that went long ago. */
export function reap(core: Core): void {
  for (const member of core.members.gone.values()) {
    if (goneSinceMs(member) + core.settings.goneKeptMs > core.nowMs) return;
    forget(core, member);
  }
}

export function nextReapMs(core: Core): number {
  if (core.members.gone.size === 0) return Infinity;
  for (const member of core.members.gone.values())
    return goneSinceMs(member) + core.settings.goneKeptMs;
  return Infinity;
}

export function goneSinceMs({ state }: Member): number {
  return state.kind === 'dead' || state.kind === 'left' ? state.sinceMs : Infinity;
}

function maybeAdd(core: Core, alive: Alive): void {
  if (!isSpoken(core, alive)) return;
  if (core.members.liveCount >= core.settings.membersMax) {
    core.counters.membersRefused += 1;
    return;
  }
  const member = core.members.add(alive);
  core.schedule.add(member);
  // To a newcomer everyone is new, and it would tell all of them what they know.
  if (core.joining?.isNewcomer !== true) core.broadcast(alive);
  core.tables?.restoreOwner(member.id);
  core.emitMember('member.joined', member);
}

/** Whether this node and the member have a version of the protocol in common. */
function isSpoken(core: Core, { protocol }: Alive): boolean {
  const { min, max } = core.self.protocol;
  if (protocol.min <= max && protocol.max >= min) return true;
  core.counters.membersRefused += 1;
  return false;
}

function revive(core: Core, member: Member, alive: Alive): void {
  const before = member.state.kind;
  const wasLive = isLive(member);
  const hasChanged =
    !isSameAddress(member.address, alive.address) || !isSameBytes(member.meta, alive.meta);
  const { incarnation, address, protocol, meta } = alive;
  core.suspects.delete(member);
  core.members.update(member, { incarnation, address, protocol, meta, state: ALIVE });
  core.broadcast(alive);
  if (!wasLive) {
    core.schedule.add(member);
    core.tables?.restoreOwner(member.id);
  }
  if (before !== 'alive') core.emitMember('member.alive', member);
  if (hasChanged) core.emitMember('member.changed', member);
}

/**
 * Someone else's address for a member that lives. Whoever holds a key of the ring could say so, and
 * the member at the known address is there until it is not: so that is looked at, and the claim
 * believed only when the member is dead or left.
 */
function noteConflict(core: Core, { id, address }: Alive): void {
  if (!core.mayReportConflict()) return;
  core.emit({ kind: 'member.conflict', id, claimed: address });
  const member = core.members.get(id);
  if (member !== undefined) core.schedule.hasten(member);
}

interface Accusation {
  readonly member: Member;
  readonly incarnation: Incarnation;
  readonly accusers: readonly MemberHash[];
}

function beginSuspicion(core: Core, { member, incarnation, accusers }: Accusation): void {
  const [first, ...others] = accusers;
  if (first === undefined) return;
  const suspicion = new Suspicion(first, suspicionLimits(core), core.nowMs);
  for (const accuser of others) suspicion.confirm(accuser);
  core.members.update(member, { incarnation, state: { kind: 'suspect', suspicion } });
  core.suspects.add(member);
  core.counters.suspicions += 1;
  if (core.relays.hasMissedSince(member.hash, core.nowMs - 2 * core.settings.probeIntervalMs))
    suspicion.confirm(core.self.hash);
  spreadSuspicion(core, member, suspicion);
  core.emitMember('member.suspect', member);
}

function confirm(core: Core, member: Member, accusers: readonly MemberHash[]): void {
  if (member.state.kind !== 'suspect') return;
  const { suspicion } = member.state;
  let isNew = false;
  for (const accuser of accusers) if (suspicion.confirm(accuser)) isNew = true;
  if (isNew) spreadSuspicion(core, member, suspicion);
}

function spreadSuspicion(core: Core, member: Member, suspicion: Suspicion): void {
  const { id, incarnation } = member;
  core.broadcast({ kind: 'suspect', id, incarnation, accusers: [...suspicion.accusers] });
}

/**
 * The shortest suspicion lets an accusation reach its member and the refutation come back to all,
 * and forgives a pause of `suspicionBaseMs` in between.
 */
function suspicionLimits({ settings, members }: Core): SuspicionLimits {
  const { liveCount } = members;
  const spreadMs = gossipRounds(liveCount, settings.gossipFanout) * settings.gossipIntervalMs;
  const minMs = settings.suspicionBaseMs + 2 * spreadMs;
  const maxMs = minMs * settings.suspicionMaxFactor;
  // Neither the suspect nor its first accuser can confirm.
  const confirmations = Math.max(0, Math.min(settings.confirmations, liveCount - 2));
  return { minMs, maxMs, confirmations };
}

function bury(core: Core, member: Member, dead: Dead): void {
  const { incarnation } = dead;
  setGone(core, member, { incarnation, state: { kind: 'dead', sinceMs: core.nowMs } });
  core.lastDeathMs = core.nowMs;
  core.broadcast(dead);
  core.tables?.hideOwner(member.id);
  core.emitMember('member.failed', member);
}

function setGone(
  core: Core,
  member: Member,
  change: Required<Pick<Member, 'incarnation' | 'state'>>,
): void {
  core.suspects.delete(member);
  if (isLive(member)) core.schedule.remove(member);
  core.members.update(member, change);
  if (core.members.gone.size <= core.settings.goneMax) return;
  for (const oldest of core.members.gone.values()) {
    forget(core, oldest);
    return;
  }
}

function forget(core: Core, member: Member): void {
  const { id } = member;
  core.members.remove(member);
  core.tables?.forgetOwner(id);
  core.emit({ kind: 'member.forgotten', id: id satisfies NodeId });
}
