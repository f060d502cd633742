/** The streams that are open, how many there may be, and for how long. */
import type { Core } from '../core.ts';
import type { StreamId } from '../effects.ts';
import type { PeerAddress } from '../wire/address.ts';
import type { Message } from '../wire/messages.ts';
import type { Stream, StreamPlace } from './stream.ts';

interface Opening {
  readonly to: PeerAddress;
  readonly messages: readonly Message[];
  readonly make: (place: StreamPlace) => Stream;
}

/** Whether there is room for one more. */
export function tryOpenStream(core: Core, { to, messages, make }: Opening): boolean {
  const place = tryTakePlace(core, true);
  if (place === undefined) return false;
  core.streams.set(place.id, make(place));
  const bytes = core.sealFrame(messages);
  core.pushEffect({ kind: 'stream.open', stream: place.id, to, bytes });
  return true;
}

export function tryAcceptStream(core: Core): StreamId | undefined {
  const place = tryTakePlace(core, false);
  if (place === undefined) return undefined;
  core.streams.set(place.id, { ...place, kind: 'accepted' });
  return place.id;
}

/** This side has what it wanted, or gives up. */
export function closeStream(core: Core, { id }: Stream): void {
  if (core.streams.delete(id)) core.pushEffect({ kind: 'stream.close', stream: id });
}

export function noteMoving(core: Core, stream: Stream): void {
  stream.expiresAtMs = core.nowMs + core.settings.streamTimeoutMs;
}

export function tickStreams(core: Core): void {
  for (const stream of [...core.streams.values()]) {
    if (stream.expiresAtMs > core.nowMs) continue;
    core.counters.streamsFailed += 1;
    closeStream(core, stream);
  }
}

export function nextStreamMs({ streams }: Core): number {
  let next = Infinity;
  for (const { expiresAtMs } of streams.values()) next = Math.min(next, expiresAtMs);
  return next;
}

/** Own streams and peers' have their places apart, so that strangers cannot take up all. */
function tryTakePlace(core: Core, isOwn: boolean): StreamPlace | undefined {
  const { streamsMax, streamTimeoutMs } = core.settings;
  let taken = 0;
  for (const stream of core.streams.values()) if (stream.isOwn === isOwn) taken += 1;
  if (taken < streamsMax)
    return { id: core.nextStream(), isOwn, expiresAtMs: core.nowMs + streamTimeoutMs };
  core.counters.streamsRefused += 1;
  return undefined;
}
