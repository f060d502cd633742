/**
 * Looking whether others are there (SWIM, section 3.1; Lifeguard, section IV.A): a direct ping; if
 * no ack comes in time, pings through others and, where UDP does not get through, one by stream; a
 * suspicion if nothing of it brings an ack in `INDIRECT_TIMEOUTS` times that time.
 */
import { isLive, type Member } from '../members/member.ts';
import { suspect } from '../members/rules.ts';
import { openPingStream } from '../sync/ping-stream.ts';
import type { Core } from '../core.ts';
import type { Message, Sequence } from '../wire/messages.ts';

/**
 * Others, and the stream, have so many `probeTimeoutMs`. With the default a stream survives the
 * loss of one segment (the least retransmission timeout of Linux is 200 ms).
 */
export const INDIRECT_TIMEOUTS = 2;

/** The one probe of a node; the next begins at `nextAtMs`, whatever becomes of this one. */
export type ProbeState =
  | { readonly kind: 'idle'; readonly nextAtMs: number }
  | {
      readonly kind: 'direct';
      readonly target: Member;
      readonly sequence: Sequence;
      /** When others are asked. */
      readonly timeoutAtMs: number;
      readonly nextAtMs: number;
    }
  | {
      readonly kind: 'indirect';
      readonly target: Member;
      readonly sequence: Sequence;
      /** Nacks that are to come if the others and this node are well. */
      readonly asked: number;
      readonly nacks: number;
      /** When the target is suspected. */
      readonly verdictAtMs: number;
      readonly nextAtMs: number;
    };

export function nextProbeMs({ probe }: Core): number {
  switch (probe.kind) {
    case 'idle':
      return probe.nextAtMs;
    case 'direct':
      return probe.timeoutAtMs;
    case 'indirect':
      return probe.verdictAtMs;
  }
}

/** Does what of probing is due. */
export function tickProbe(core: Core): void {
  const { probe } = core;
  switch (probe.kind) {
    case 'idle':
      begin(core);
      return;
    case 'direct':
      askOthers(core, probe);
      return;
    case 'indirect':
      fail(core, probe);
  }
}

/** `Direct | Indirect -> Idle`, when it answers this probe. */
export function noteAck(core: Core, sequence: Sequence): boolean {
  const { probe } = core;
  if (probe.kind === 'idle' || probe.sequence !== sequence) return false;
  core.probe = { kind: 'idle', nextAtMs: probe.nextAtMs };
  core.relays.noteAnswered(probe.target.hash);
  core.awareness.apply(-1);
  return true;
}

/** Someone asked for an indirect ping is well, and so is the way to it. */
export function noteNack(core: Core, sequence: Sequence): void {
  const { probe } = core;
  if (probe.kind !== 'indirect' || probe.sequence !== sequence) return;
  core.probe = { ...probe, nacks: probe.nacks + 1 };
}

/** The time during which this node did not run does not count against others. */
export function postponeProbe(core: Core, ms: number): void {
  const { probe } = core;
  const nextAtMs = probe.nextAtMs + ms;
  if (probe.kind === 'direct')
    core.probe = { ...probe, timeoutAtMs: probe.timeoutAtMs + ms, nextAtMs };
  if (probe.kind === 'indirect')
    core.probe = { ...probe, verdictAtMs: probe.verdictAtMs + ms, nextAtMs };
}

/** Looks at `member` next, and at once unless a probe is under way. */
export function hasten(core: Core, member: Member): void {
  if (!isLive(member) || member === core.self) return;
  core.schedule.hasten(member);
  if (core.probe.kind === 'idle') core.probe = { kind: 'idle', nextAtMs: core.nowMs };
}

/** `Idle -> Direct` */
function begin(core: Core): void {
  const { settings, awareness, nowMs } = core;
  const nextAtMs = nowMs + awareness.scale(settings.probeIntervalMs);
  const target = core.schedule.next();
  if (target === undefined) {
    core.probe = { kind: 'idle', nextAtMs };
    return;
  }
  const sequence = core.nextSequence();
  const timeoutAtMs = nowMs + awareness.scale(settings.probeTimeoutMs);
  core.probe = { kind: 'direct', target, sequence, timeoutAtMs, nextAtMs };
  core.counters.probes += 1;
  sendPing(core, target, sequence);
}

/** The buddy system (Lifeguard, section IV.C): who is suspected hears of it first of all. */
function sendPing(core: Core, target: Member, sequence: Sequence): void {
  const ping = { kind: 'ping', sequence, target: target.hash, source: core.self.hash } as const;
  core.send(target.address, [...accusationOf(core, target), ping]);
}

/** What is held against a member, to be told to it. */
export function accusationOf(core: Core, { id, incarnation, state }: Member): Message[] {
  switch (state.kind) {
    case 'alive':
      return [];
    case 'suspect': {
      const { accusers } = state.suspicion;
      return [{ kind: 'suspect', id, incarnation, accusers: [...accusers] }];
    }
    case 'dead':
      return [{ kind: 'dead', id, incarnation, accuser: core.self.hash }];
    case 'left':
      return [{ kind: 'left', id, incarnation }];
  }
}

/** `Direct -> Indirect` */
function askOthers(core: Core, probe: Extract<ProbeState, { kind: 'direct' }>): void {
  const { target, sequence, nextAtMs } = probe;
  const others = core.members.choose({
    from: core.members.others,
    count: core.settings.indirectProbes,
    rng: core.rng,
    isWanted: (member) => member !== target && member.state.kind === 'alive',
  });
  const { hash, address } = target;
  for (const other of others)
    core.send(other.address, [{ kind: 'ping.request', sequence, target: hash, address }]);
  openPingStream(core, target, sequence);
  const waitMs = core.settings.probeTimeoutMs * INDIRECT_TIMEOUTS;
  const verdictAtMs = core.nowMs + core.awareness.scale(waitMs);
  const asked = others.length;
  core.probe = { kind: 'indirect', target, sequence, asked, nacks: 0, verdictAtMs, nextAtMs };
}

/**
 * `Indirect -> Idle`. Nacks that are missing speak against this node or its network, not against
 * the target; where nobody could be asked, the failure itself does (Lifeguard, section IV.A).
 */
function fail(core: Core, probe: Extract<ProbeState, { kind: 'indirect' }>): void {
  const { target, asked, nacks, nextAtMs } = probe;
  core.probe = { kind: 'idle', nextAtMs };
  core.counters.probesFailed += 1;
  core.awareness.apply(asked === 0 ? 1 : asked - nacks);
  if (isLive(target)) suspect(core, target);
}
