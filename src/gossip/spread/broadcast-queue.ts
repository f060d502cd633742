import type { NetworkId, NodeId } from '../../model/index.ts';
import type { ByteWriter } from '../wire/bytes.ts';
import type { News } from '../wire/messages.ts';

/** The shortest news: a `left` of a one-letter id. */
const NEWS_BYTES_MIN = 9;

interface Broadcast {
  readonly subject: string;
  readonly bytes: Uint8Array;
  transmits: number;
}

/** Where broadcasts go, and how often each may go at most. */
export interface Passage {
  readonly writer: ByteWriter;
  /** Bytes that the writer may hold at the end. */
  readonly bytesMax: number;
  readonly transmitsMax: number;
}

/**
 * News to piggyback on whatever is sent (SWIM, section 4.1): those told least often go first, each
 * a limited number of times, and a newer one about the same subject takes an older one's place.
 */
export class BroadcastQueue {
  private readonly capacity: number;
  private readonly bySubject = new Map<string, Broadcast>();
  /** By how often they were told; within one, those that waited longest at the front. */
  private readonly tiers: Set<Broadcast>[] = [];
  /** Left out because the queue was full; push/pull brings them. */
  droppedTotal = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get length(): number {
    return this.bySubject.size;
  }

  add(news: News, bytes: Uint8Array): void {
    const subject = subjectOf(news);
    const older = this.bySubject.get(subject);
    if (older !== undefined) this.remove(older);
    if (this.bySubject.size >= this.capacity) this.dropMostTold();
    const broadcast = { subject, bytes, transmits: 0 };
    this.bySubject.set(subject, broadcast);
    this.tier(0).add(broadcast);
  }

  /** Whether something about a member waits to be told. */
  hasMember(id: NodeId): boolean {
    return this.bySubject.has(memberSubject(id));
  }

  clear(): void {
    this.bySubject.clear();
    this.tiers.length = 0;
  }

  /** Writes what fits, and counts it as told once more. Whether anything was written. */
  fill({ writer, bytesMax, transmitsMax }: Passage): boolean {
    if (this.bySubject.size === 0) return false;
    const told: Broadcast[] = [];
    for (const tier of this.tiers)
      for (const broadcast of tier) {
        const room = bytesMax - writer.length;
        if (room < NEWS_BYTES_MIN) break;
        if (broadcast.bytes.length > room) continue;
        writer.raw(broadcast.bytes);
        told.push(broadcast);
      }
    for (const broadcast of told) this.noteTold(broadcast, transmitsMax);
    return told.length > 0;
  }

  private noteTold(broadcast: Broadcast, transmitsMax: number): void {
    this.tiers[broadcast.transmits]?.delete(broadcast);
    broadcast.transmits += 1;
    if (broadcast.transmits >= transmitsMax) this.bySubject.delete(broadcast.subject);
    else this.tier(broadcast.transmits).add(broadcast);
  }

  private dropMostTold(): void {
    this.droppedTotal += 1;
    for (const tier of this.tiers.toReversed())
      for (const broadcast of tier) {
        this.remove(broadcast);
        return;
      }
  }

  private remove(broadcast: Broadcast): void {
    this.tiers[broadcast.transmits]?.delete(broadcast);
    this.bySubject.delete(broadcast.subject);
  }

  private tier(transmits: number): Set<Broadcast> {
    while (this.tiers.length <= transmits) this.tiers.push(new Set());
    return this.tiers[transmits] as Set<Broadcast>;
  }
}

/** Of two pieces of news about one subject only the newer is worth telling. */
function subjectOf(news: News): string {
  return news.kind === 'network' ? networkSubject(news.id, news.network) : memberSubject(news.id);
}

function memberSubject(id: NodeId): string {
  return id;
}

/** A blank stands in no id. */
function networkSubject(id: NodeId, network: NetworkId): string {
  return `${id} ${network}`;
}
