import { CodedError } from '../base/index.ts';

export type ClusterErrorDetail =
  | { readonly code: 'already-member' | 'not-member' | 'closed' | 'busy' | 'join-timeout' }
  /** Leaving would erase the cluster's state. */
  | { readonly code: 'last-manager' }
  | { readonly code: 'invalid-address'; readonly address: string }
  /** Not of the shape `SWMTKN-1-<digest>-<secret>`, or not a secret of this cluster. */
  | { readonly code: 'invalid-token' }
  | { readonly code: 'ca-mismatch'; readonly expected: string; readonly actual: string }
  /** A root that cannot be taken; and a certificate that nobody could be had to sign. */
  | { readonly code: 'invalid-authority' | 'signing-failed' }
  /** Not an unlock key, or not the one that this manager's keys are sealed with. */
  | { readonly code: 'invalid-unlock-key' | 'not-locked' }
  | { readonly code: 'too-many-attempts' | 'invalid-request' }
  /** The manager knows no such node, or the certificate may not do this. */
  | { readonly code: 'node-removed' | 'forbidden' }
  /**
   * The certificate is not valid at this time by the manager's clock, which shows `nowMs`; or it is
   * of a root that was rotated away.
   */
  | { readonly code: 'certificate-expired'; readonly nowMs: number }
  | { readonly code: 'certificate-superseded' }
  /** This node's clock is ahead of the manager's by so much; behind when negative. */
  | { readonly code: 'clock-skew'; readonly skewMs: number }
  | { readonly code: 'unreachable' | 'listen-failed'; readonly address: string }
  /** The other side said something that is not the protocol. */
  | { readonly code: 'protocol'; readonly reason: string }
  | { readonly code: 'refused'; readonly reason: string }
  | { readonly code: 'too-large'; readonly bytes: number; readonly bytesMax: number }
  /** A write to the log did not become durable; the state is unchanged. */
  | { readonly code: 'disk-full' | 'disk-failed'; readonly file: string }
  | { readonly code: 'damaged'; readonly file: string; readonly offset: number }
  /** Sealed with another key than the one given, or with one where none is given. */
  | { readonly code: 'wrong-key'; readonly file: string }
  /** Written by a release whose files this one cannot read. */
  | { readonly code: 'unknown-format'; readonly file: string; readonly version: number }
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
