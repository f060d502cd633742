import { CodedError } from '../../base/index.ts';

export type ResolverErrorDetail =
  /** The sandbox's sockets could not be made or taken over; `cause` says why. */
  | { readonly code: 'sockets'; readonly sandboxId: string; readonly namespacePath: string }
  /** Closed while it was being opened, or the whole resolver is closed. */
  | { readonly code: 'closed'; readonly sandboxId: string };

/** What `Resolver.open` throws. */
export class ResolverError extends CodedError<ResolverErrorDetail> {}
