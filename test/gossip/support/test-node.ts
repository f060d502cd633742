/** One node, whose peers the test plays. */
import { SeededRng } from '../../../src/base/index.ts';
import type { Core } from '../../../src/gossip/core.ts';
import {
  Gossip,
  type Effect,
  type GossipOptions,
  type Incarnation,
  type MemberEvent,
  type PacketSeal,
  type StreamId,
} from '../../../src/gossip/index.ts';
import { hashOf } from '../../../src/gossip/members/hash.ts';
import { decodeFrame } from '../../../src/gossip/wire/decode.ts';
import type { Alive, MemberHash, Message } from '../../../src/gossip/wire/messages.ts';
import type { NetworkId, NodeId } from '../../../src/model/index.ts';
import { encodeFrame } from './frames.ts';

/** What a message of some kind has beside its kind. */
export type Of<Kind extends Message['kind']> = Extract<Message, { kind: Kind }>;

export interface Sent {
  readonly to: string;
  readonly messages: readonly Message[];
}

/** Seals nothing, but takes as many bytes as a cipher would. */
export const OPEN_SEAL: PacketSeal = {
  overheadBytes: 29,
  seal: (bytes) => bytes,
  open: (bytes) => bytes,
};

export const node = (id: string): NodeId => id as NodeId;
export const network = (id: string): NetworkId => id as NetworkId;
export const inc = (value: number): Incarnation => value as Incarnation;
export const hash = (id: string): MemberHash => hashOf(id);
/** The address of a peer called n3 is 10.0.0.3. */
export const addressOf = (id: string) => ({ host: `10.0.0.${id.slice(1)}`, port: 7946 });

export function alive(id: string, incarnation = 0, change: Partial<Alive> = {}): Alive {
  const protocol = { min: 1, max: 1 };
  const meta = new Uint8Array(0);
  const address = addressOf(id);
  const about = { kind: 'alive', id: node(id), incarnation: inc(incarnation) } as const;
  return { ...about, address, protocol, meta, ...change };
}

export function suspect(id: string, incarnation: number, ...accusers: string[]): Of<'suspect'> {
  const by = accusers.map(hashOf);
  return { kind: 'suspect', id: node(id), incarnation: inc(incarnation), accusers: by };
}

export function dead(id: string, incarnation: number, accuser = 'n9'): Of<'dead'> {
  return { kind: 'dead', id: node(id), incarnation: inc(incarnation), accuser: hash(accuser) };
}

export function left(id: string, incarnation: number): Of<'left'> {
  return { kind: 'left', id: node(id), incarnation: inc(incarnation) };
}

export class TestNode {
  readonly gossip: Gossip;
  readonly events: MemberEvent[] = [];
  readonly streams: Extract<Effect, { kind: `stream.${string}` }>[] = [];
  nowMs = 0;

  /** Called n1, among live peers n2 to n`peers + 1`. Probes, gossip and the rest run as they do. */
  constructor(peers = 0, options: Partial<GossipOptions> = {}) {
    const rng = new SeededRng(1);
    const own = { id: node('n1'), address: addressOf('n1') };
    this.gossip = new Gossip({ ...own, rng, seal: OPEN_SEAL, ...options }, 0);
    const others = Array.from({ length: peers }, (_, at) => alive(`n${at + 2}`));
    if (peers > 0) this.hear('n2', ...others);
    this.core.broadcasts.clear();
    this.events.length = 0;
  }

  get core(): Core {
    return (this.gossip as unknown as { core: Core }).core;
  }

  get kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }

  stateOf(id: string): string | undefined {
    return this.gossip.member(node(id))?.state;
  }

  /** A packet from `from`; what is sent in return. */
  hear(from: string, ...messages: Message[]): Sent[] {
    return this.hearBytes(from, encodeFrame(messages));
  }

  hearBytes(from: string, bytes: Uint8Array): Sent[] {
    this.gossip.step({ kind: 'packet', from: addressOf(from), bytes }, this.nowMs);
    return this.drain();
  }

  hearStream(stream: StreamId, ...messages: Message[]): void {
    const bytes = encodeFrame(messages);
    this.gossip.step({ kind: 'stream.frame', stream, bytes }, this.nowMs);
    this.drain();
  }

  /** Lets time pass, doing everything when it is due; what is sent meanwhile. */
  pass(ms: number): Sent[] {
    const endMs = this.nowMs + ms;
    const sent: Sent[] = [];
    for (;;) {
      const { atMs } = this.gossip.nextDeadline();
      if (atMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, Math.ceil(atMs));
      this.gossip.tick(this.nowMs);
      sent.push(...this.drain());
    }
    this.nowMs = endMs;
    return sent;
  }

  /** Lets time pass in which all peers but those in `silent` answer pings at once. */
  passAnswered(ms: number, ...silent: string[]): Sent[] {
    const endMs = this.nowMs + ms;
    const all: Sent[] = [];
    for (;;) {
      const { atMs } = this.gossip.nextDeadline();
      if (atMs > endMs) break;
      const sent = this.pass(Math.max(0, Math.ceil(atMs) - this.nowMs));
      all.push(...sent);
      for (const { to, message } of ofKind(sent, 'ping'))
        if (!silent.includes(to))
          all.push(...this.hear(to, { kind: 'ack', sequence: message.sequence }));
    }
    this.nowMs = endMs;
    return all;
  }

  /** Does what was asked of the host; what is sent. */
  drain(): Sent[] {
    const sent: Sent[] = [];
    for (const effect of this.gossip.drain()) {
      if (effect.kind === 'event') this.events.push(effect.event);
      else if (effect.kind === 'packet') sent.push(sentIn(effect));
      else this.streams.push(effect);
    }
    return sent;
  }

  /** Waits for the next ping of its own; whom it goes to. */
  nextProbe(): { readonly target: string; readonly ping: Of<'ping'>; readonly packet: Sent } {
    for (let turn = 0; turn < 100; turn += 1) {
      const { atMs } = this.gossip.nextDeadline();
      for (const packet of this.pass(Math.max(0, Math.ceil(atMs) - this.nowMs))) {
        const ping = packet.messages.find((message) => message.kind === 'ping');
        if (ping !== undefined) return { target: packet.to, ping, packet };
      }
    }
    throw new Error('nobody is probed');
  }
}

export function ofKind<Kind extends Message['kind']>(sent: readonly Sent[], kind: Kind) {
  return sent.flatMap(({ messages, to }) =>
    messages
      .filter((message): message is Of<Kind> => message.kind === kind)
      .map((message) => ({ to, message })),
  );
}

function sentIn({ to, bytes }: Extract<Effect, { kind: 'packet' }>): Sent {
  return { to: `n${to.host.split('.')[3] ?? ''}`, messages: decodeFrame(bytes).messages };
}
