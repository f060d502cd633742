/** Refusals of the API, and the one table from error codes of every room to HTTP statuses. */
import { CodedError, messageOf } from '../../base/index.ts';

export interface ApiErrorDetail {
  readonly code:
    | 'bad-request'
    | 'not-found'
    | 'conflict'
    | 'forbidden'
    | 'too-large'
    | 'request-timeout'
    | 'not-implemented'
    | 'unavailable';
}

/** A request that is answered with `{"message": …}`. */
export class ApiError extends CodedError<ApiErrorDetail> {}

export function badRequest(message: string, cause?: unknown): ApiError {
  return new ApiError({ code: 'bad-request' }, message, cause);
}

export function notFound(message: string): ApiError {
  return new ApiError({ code: 'not-found' }, message);
}

export function conflict(message: string): ApiError {
  return new ApiError({ code: 'conflict' }, message);
}

export function notImplemented(message: string): ApiError {
  return new ApiError({ code: 'not-implemented' }, message);
}

export function unavailable(message: string): ApiError {
  return new ApiError({ code: 'unavailable' }, message);
}

/**
 * Every code that an error or a refusal may carry, with Docker's status for that case. Codes that
 * are not here are failures of this node: 500.
 */
export const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  // This room.
  'bad-request': 400,
  forbidden: 403,
  'not-found': 404,
  'request-timeout': 408,
  conflict: 409,
  'too-large': 413,
  'not-implemented': 501,
  unavailable: 503,
  // Refusals of the store. `out-of-sequence` is 500 in Docker, and clients match its text.
  'name-taken': 409,
  'in-use': 400,
  'port-taken': 400,
  'subnet-overlap': 403,
  exhausted: 503,
  'out-of-sequence': 500,
  // Specs and addresses that do not validate.
  invalid: 400,
  'invalid-spec': 400,
  'unsupported-spec': 501,
  // The cluster member.
  'already-member': 503,
  'listen-failed': 400,
  refused: 400,
  locked: 503,
  'not-member': 503,
  closed: 503,
  busy: 503,
  'join-timeout': 503,
  'last-manager': 503,
  'invalid-address': 400,
  'invalid-token': 400,
  'invalid-request': 400,
  'ca-mismatch': 400,
  'too-many-attempts': 503,
  'node-removed': 403,
  'certificate-expired': 403,
  'certificate-superseded': 403,
  'clock-skew': 503,
  'invalid-authority': 400,
  'signing-failed': 503,
  'invalid-unlock-key': 400,
  'not-locked': 409,
  unreachable: 503,
  // Docker answers 500 where the managers do not: without a leader, and when time ran out.
  'no-leader': 500,
  timeout: 500,
  'not-leader': 503,
  'membership-refused': 400,
  'transfer-refused': 503,
  'disk-full': 503,
  // The runtime.
  not_found: 404,
  archive_refused: 400,
  digest_mismatch: 400,
  start_failed: 400,
};

/** The HTTP status of anything thrown. */
export function statusOf(thrown: unknown): number {
  return knownStatus(thrown) ?? 500;
}

/** Whether what was thrown is an answer that somebody meant to give, rather than a failure. */
export function isRefusal(thrown: unknown): boolean {
  return knownStatus(thrown) !== undefined;
}

function knownStatus(thrown: unknown): number | undefined {
  if (!(thrown instanceof CodedError)) return undefined;
  const detail = thrown.detail as { readonly code: string };
  return STATUS_OF_CODE[detail.code];
}

/** What the client is told: Docker's `{"message": …}`. */
export function errorDocument(thrown: unknown): { readonly message: string } {
  return { message: messageOf(thrown) };
}
