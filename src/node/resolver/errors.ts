import { CodedError } from '../../base/index.ts';

export type ResolverErrorDetail =
  /** The sandbox's sockets could not be made; the message has the engine's errno and call. */
  | { readonly code: 'sockets'; readonly sandboxId: string; readonly namespacePath: string }
  /** Closed while it was being opened, or the whole resolver is closed. */
  | { readonly code: 'closed'; readonly sandboxId: string }
  /** The engine's program was not built. */
  | { readonly code: 'engine-missing'; readonly path: string }
  /** It was started and did not come to listen. */
  | { readonly code: 'engine-start'; readonly said: string }
  /** It ended before it answered. */
  | { readonly code: 'engine-gone' };

/** What `Resolver.open` throws. */
export class ResolverError extends CodedError<ResolverErrorDetail> {}
