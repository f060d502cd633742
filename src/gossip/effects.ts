/** What goes into a core and what comes out of it; the host's duties are told in index.ts. */
import type { Brand } from '../base/index.ts';
import type { NodeId } from '../model/index.ts';
import type { MemberView } from './members/member.ts';
import type { PeerAddress } from './wire/address.ts';
import type { Incarnation } from './wire/messages.ts';

/** Names a stream between a core and its host. Never used twice in the life of a core. */
export type StreamId = Brand<number, 'StreamId'>;

export type Input =
  | { readonly kind: 'packet'; readonly from: PeerAddress; readonly bytes: Uint8Array }
  /** One frame, whole, in the order in which the peer sent them. */
  | { readonly kind: 'stream.frame'; readonly stream: StreamId; readonly bytes: Uint8Array }
  /** Every frame given to this stream so far is written: it has room for another. */
  | { readonly kind: 'stream.writable'; readonly stream: StreamId }
  /** The stream has ended, for whatever reason, or never came about. */
  | { readonly kind: 'stream.closed'; readonly stream: StreamId };

export type MemberEvent =
  /** A member that was not known. */
  | { readonly kind: 'member.joined'; readonly member: MemberView }
  /** It was suspected, dead or gone, and is not. */
  | { readonly kind: 'member.alive'; readonly member: MemberView }
  | { readonly kind: 'member.suspect'; readonly member: MemberView }
  | { readonly kind: 'member.failed'; readonly member: MemberView }
  | { readonly kind: 'member.left'; readonly member: MemberView }
  /** Its meta, address or protocol is another one. */
  | { readonly kind: 'member.changed'; readonly member: MemberView }
  /** It has other networks than before. */
  | { readonly kind: 'member.networks'; readonly member: MemberView }
  /** Gone for so long that nothing of it is kept. */
  | { readonly kind: 'member.forgotten'; readonly id: NodeId }
  /** Someone at `claimed` says that it is `id`, who lives elsewhere. Not believed. */
  | { readonly kind: 'member.conflict'; readonly id: NodeId; readonly claimed: PeerAddress }
  /** Someone thought ill of this node, and is told otherwise. */
  | { readonly kind: 'self.refuted'; readonly incarnation: Incarnation }
  /** Someone at `claimed` uses this node's id. */
  | { readonly kind: 'self.conflict'; readonly claimed: PeerAddress }
  /** A push/pull with a seed is complete: this node knows what the seed knows. */
  | { readonly kind: 'self.joined' }
  /** Everyone was told that this node leaves; the core does nothing more. */
  | { readonly kind: 'self.left' };

export type Effect =
  /** To send as one datagram; may be lost. At most `packetBytesMax` bytes. */
  | { readonly kind: 'packet'; readonly to: PeerAddress; readonly bytes: Uint8Array }
  /** To connect, and to send the first frame. */
  | {
      readonly kind: 'stream.open';
      readonly stream: StreamId;
      readonly to: PeerAddress;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'stream.frame'; readonly stream: StreamId; readonly bytes: Uint8Array }
  /** To close, once all frames are written. */
  | { readonly kind: 'stream.close'; readonly stream: StreamId }
  | { readonly kind: 'event'; readonly event: MemberEvent };

/** What waits for its time; see `Gossip.nextDeadline`. */
export interface Deadline {
  readonly atMs: number;
  readonly reason:
    | 'probe'
    | 'relay'
    | 'suspicion'
    | 'gossip'
    | 'sync'
    | 'reconnect'
    | 'join'
    | 'stream'
    | 'reap'
    | 'leave';
}
