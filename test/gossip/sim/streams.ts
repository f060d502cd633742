/** Connections between nodes: in order and whole, unless an end is gone. */
import type { Effect, StreamId } from '../../../src/gossip/index.ts';
import type { SimNode, World } from './world.ts';
import { SEAL_BYTES } from './world.ts';

interface End {
  readonly node: SimNode;
  /** `undefined` for a connection that is not yet accepted. */
  id: StreamId | undefined;
  other: End | undefined;
  /** Nothing that this end sends arrives before what it sent earlier. */
  arrivedMs: number;
}

type StreamEffect = Extract<Effect, { kind: `stream.${string}` }>;

/** IPv4 and TCP with timestamps, for each segment. */
export const SEGMENT_HEADER_BYTES = 52;
export const SEGMENT_BYTES = 1448;
/** Opening and closing, as segments of one side. */
export const CONNECTION_SEGMENTS = 4;
/** What a lost segment costs: the least retransmission timeout of Linux. */
const RETRANSMIT_MS = 200;

export class SimStreams {
  private readonly world: World;
  private readonly ends = new Map<SimNode, Map<StreamId, End>>();

  constructor(world: World) {
    this.world = world;
  }

  perform(node: SimNode, effect: StreamEffect): void {
    switch (effect.kind) {
      case 'stream.open':
        this.open(node, effect);
        return;
      case 'stream.frame':
        this.sendFrame(this.endOf(node, effect.stream), effect.bytes);
        return;
      case 'stream.close': {
        const end = this.endOf(node, effect.stream);
        this.ends.get(node)?.delete(effect.stream);
        if (end?.other !== undefined) this.tellClosed(end.other, this.arrivalMs(end));
      }
    }
  }

  /** A crash takes its connections along; the other ends hear nothing of it. */
  forget(node: SimNode): void {
    for (const { other } of this.ends.get(node)?.values() ?? []) if (other) other.other = undefined;
    this.ends.delete(node);
  }

  private open(node: SimNode, { stream, to, bytes }: Extract<Effect, { kind: 'stream.open' }>) {
    const end: End = { node, id: stream, other: undefined, arrivedMs: 0 };
    this.keep(end, stream);
    node.bytesSent += CONNECTION_SEGMENTS * SEGMENT_HEADER_BYTES;
    const target = this.world.nodeAt(to.host);
    if (target === undefined) return;
    this.world.time.after(this.tripMs() + this.tripMs(), () => {
      if (!this.world.isJoined(node, target)) return;
      this.world.deliver(target, (gossip) => {
        const id = gossip.tryAcceptStream(this.world.nowMs);
        if (id === undefined) {
          this.tellClosed(end, this.world.nowMs + this.tripMs());
          return;
        }
        const other: End = { node: target, id, other: end, arrivedMs: 0 };
        target.bytesSent += CONNECTION_SEGMENTS * SEGMENT_HEADER_BYTES;
        this.keep(other, id);
        end.other = other;
        this.sendFrame(end, bytes);
      });
    });
  }

  private sendFrame(end: End | undefined, bytes: Uint8Array): void {
    if (end === undefined) return;
    const segments = Math.ceil((bytes.length + SEAL_BYTES) / SEGMENT_BYTES);
    end.node.bytesSent += bytes.length + SEAL_BYTES + segments * SEGMENT_HEADER_BYTES;
    const { other, id } = end;
    if (other === undefined || id === undefined) return;
    this.world.time.at(this.arrivalMs(end), () => {
      if (!this.world.isJoined(end.node, other.node)) return;
      this.world.deliver(end.node, (gossip) =>
        gossip.step({ kind: 'stream.writable', stream: id }, this.world.nowMs),
      );
      this.world.deliver(other.node, (gossip) => {
        if (other.id === undefined) return;
        const stream = other.id;
        gossip.step({ kind: 'stream.frame', stream, bytes }, this.world.nowMs);
      });
    });
  }

  private tellClosed({ node, id }: End, atMs: number): void {
    if (id === undefined) return;
    this.world.time.at(atMs, () => {
      this.ends.get(node)?.delete(id);
      this.world.deliver(node, (gossip) =>
        gossip.step({ kind: 'stream.closed', stream: id }, this.world.nowMs),
      );
    });
  }

  private arrivalMs(end: End): number {
    end.arrivedMs = Math.max(end.arrivedMs, this.world.nowMs + this.tripMs());
    return end.arrivedMs;
  }

  private tripMs(): number {
    return this.world.delayMs() + (this.world.isLost() ? RETRANSMIT_MS : 0);
  }

  private endOf(node: SimNode, id: StreamId): End | undefined {
    return this.ends.get(node)?.get(id);
  }

  private keep(end: End, id: StreamId): void {
    const ends = this.ends.get(end.node) ?? new Map<StreamId, End>();
    ends.set(id, end);
    this.ends.set(end.node, ends);
  }
}
