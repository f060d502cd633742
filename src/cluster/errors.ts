import { CodedError } from '../base/index.ts';

export type ClusterErrorDetail =
  | { readonly code: 'already-member' | 'not-member' | 'closed' | 'busy' | 'join-timeout' }
  /** Leaving would erase the cluster's state. */
  | { readonly code: 'last-manager' }
  | { readonly code: 'invalid-address'; readonly address: string }
  /** Not of the shape `SWMTKN-1-<digest>-<secret>`, or not a secret of this cluster. */
  | { readonly code: 'invalid-token' }
  | { readonly code: 'ca-mismatch'; readonly expected: string; readonly actual: string }
  | { readonly code: 'manager-join-unsupported' | 'too-many-attempts' | 'invalid-request' }
  /** The manager knows no such node, or the certificate may not do this. */
  | { readonly code: 'node-removed' | 'forbidden' }
  | { readonly code: 'unreachable' | 'listen-failed'; readonly address: string }
  /** The other side said something that is not the protocol. */
  | { readonly code: 'protocol'; readonly reason: string }
  | { readonly code: 'refused'; readonly reason: string }
  | { readonly code: 'too-large'; readonly bytes: number; readonly bytesMax: number }
  /** A write to the log did not become durable; the state is unchanged. */
  | { readonly code: 'disk-full' | 'disk-failed'; readonly file: string }
  | { readonly code: 'damaged'; readonly file: string; readonly offset: number }
  | { readonly code: 'locked'; readonly pid: number }
  /** Too few managers hear each other, so nothing can be decided or read for certain. */
  | { readonly code: 'no-leader' }
  /** Only the leader does this; it may be known. */
  | { readonly code: 'not-leader'; readonly leader: string | undefined }
  /** No answer in time: what was asked for may have happened, or may yet. */
  | { readonly code: 'timeout' }
  | { readonly code: 'membership-refused' | 'transfer-refused'; readonly reason: string }
  /** Output of some tasks could not be had. */
  | { readonly code: 'logs-incomplete'; readonly reasons: readonly string[] };

export type ClusterErrorCode = ClusterErrorDetail['code'];

/** Everything that may go wrong in this room while it is used as intended. */
export class ClusterError extends CodedError<ClusterErrorDetail> {}

/** Whether `thrown` is this room's error with the given code. */
export function isClusterError(thrown: unknown, code: ClusterErrorCode): thrown is ClusterError {
  return thrown instanceof ClusterError && thrown.detail.code === code;
}
