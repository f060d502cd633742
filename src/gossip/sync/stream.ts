import type { StreamId } from '../effects.ts';
import type { Sequence } from '../wire/messages.ts';
import type { SyncSession } from './session.ts';

export interface StreamPlace {
  readonly id: StreamId;
  /** Whether this side has opened it. */
  readonly isOwn: boolean;
  /** When it is given up unless something moves. */
  expiresAtMs: number;
}

/** What a stream is for. The host knows nothing of it. */
export type Stream = StreamPlace &
  (
    | { readonly kind: 'ping'; readonly sequence: Sequence }
    /** Opened by a peer; its first frame says what for. */
    | { readonly kind: 'accepted' }
    | { readonly kind: 'sync'; readonly session: SyncSession }
  );
