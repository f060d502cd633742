import type { StreamId } from '../effects.ts';
import type { Sequence } from '../wire/messages.ts';
import type { SyncSession } from './session.ts';

/** What a stream is for. The host knows nothing of it. */
export type Stream = { readonly id: StreamId; expiresAtMs: number } & (
  | { readonly kind: 'ping'; readonly sequence: Sequence }
  /** Opened by a peer; its first frame says what for. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'sync'; readonly session: SyncSession }
);
