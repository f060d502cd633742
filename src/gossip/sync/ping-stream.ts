/** The probe's last resort: a ping over TCP, for networks and hosts that lose UDP (memberlist). */
import type { Core } from '../core.ts';
import type { Member } from '../members/member.ts';
import { noteAck } from '../probe/probe.ts';
import type { Ping, Sequence } from '../wire/messages.ts';
import { closeStream, tryOpenStream } from './streams.ts';
import type { Stream } from './stream.ts';

export function openPingStream(core: Core, target: Member, sequence: Sequence): void {
  const ping = { kind: 'ping', sequence, target: target.hash, source: core.self.hash } as const;
  tryOpenStream(core, {
    to: target.address,
    messages: [ping],
    make: (place) => ({ ...place, kind: 'ping', sequence }),
  });
}

export function answerPingStream(core: Core, stream: Stream, ping: Ping): void {
  if (ping.target === core.self.hash) {
    const bytes = core.sealFrame([{ kind: 'ack', sequence: ping.sequence }]);
    core.pushEffect({ kind: 'stream.frame', stream: stream.id, bytes });
  }
  closeStream(core, stream);
}

export function takeStreamAck(core: Core, stream: Stream, sequence: Sequence): void {
  if (noteAck(core, sequence)) core.counters.probesByStream += 1;
  closeStream(core, stream);
}
