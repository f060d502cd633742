/** What a node does when others probe it, or ask it to probe. */
import type { Core } from '../core.ts';
import { aliveNews } from '../members/member.ts';
import { testify } from '../members/rules.ts';
import { syncWithStranger } from '../sync/occasions.ts';
import type { PeerAddress } from '../wire/address.ts';
import type { Ping, PingRequest, Sequence } from '../wire/messages.ts';
import { INDIRECT_TIMEOUTS, accusationOf, noteAck } from './probe.ts';

/** Of the time that the asker waits: the nack must be back while it still listens. */
const NACK_SHARE = 0.8;

/**
 * Who asks is also told what is held against it, so that it can refute, and who has refuted what it
 * said with its question. If it is not known, then this node has missed something, and learns it by
 * a push/pull.
 */
export function answerPing(core: Core, from: PeerAddress, ping: Ping): void {
  if (ping.target !== core.self.hash) return;
  const source = core.members.withHash(ping.source);
  if (source === undefined) syncWithStranger(core, from);
  const accusation = source === undefined ? [] : accusationOf(core, source);
  const corrections = core.takeRefuted().map(aliveNews);
  core.send(from, [{ kind: 'ack', sequence: ping.sequence }, ...accusation, ...corrections]);
}

export function relayPing(core: Core, from: PeerAddress, request: PingRequest): void {
  const { target, address } = request;
  const sequence = core.nextSequence();
  const waitMs = core.settings.probeTimeoutMs * INDIRECT_TIMEOUTS;
  const isTaken = core.relays.tryAdd(sequence, {
    origin: from,
    originSequence: request.sequence,
    target,
    nackAtMs: core.nowMs + Math.floor(waitMs * NACK_SHARE),
    endsAtMs: core.nowMs + 2 * waitMs,
  });
  if (!isTaken) {
    core.counters.relaysRefused += 1;
    return;
  }
  core.send(address, [{ kind: 'ping', sequence, target, source: core.self.hash }]);
}

/** Answers a probe of this node's own, or one that it makes for another. */
export function takeAck(core: Core, sequence: Sequence): void {
  if (noteAck(core, sequence)) return;
  const relay = core.relays.take(sequence, core.nowMs);
  if (relay === undefined) return;
  core.relays.noteAnswered(relay.target);
  core.send(relay.origin, [{ kind: 'ack', sequence: relay.originSequence }]);
}

/** Tells those who asked that no ack has come in time. */
export function tickRelays(core: Core): void {
  for (const { origin, originSequence, target } of core.relays.takeDue(core.nowMs)) {
    testify(core, target);
    core.send(origin, [{ kind: 'nack', sequence: originSequence }]);
  }
}
