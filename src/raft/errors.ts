import { CodedError } from '../base/index.ts';

/** `offset` is where in the bytes the reader stood. */
export type RaftErrorDetail =
  /** The option is out of its range. */
  | { readonly code: 'bad-option'; readonly option: string }
  /** The bytes end inside what they promise. */
  | { readonly code: 'wire-short'; readonly offset: number }
  /** Of a release that this one cannot read. */
  | { readonly code: 'wire-version'; readonly version: number }
  /** No record of this type is known, or another one was expected. */
  | { readonly code: 'wire-type'; readonly type: number }
  /** A field has a value that no peer gives it. */
  | { readonly code: 'wire-field'; readonly field: string; readonly offset: number }
  /** Bytes after the record's end. */
  | { readonly code: 'wire-trailing'; readonly offset: number }
  /** Longer than any message that a peer sends. */
  | { readonly code: 'wire-oversized'; readonly bytes: number };

/**
 * A core that cannot be made as asked, or bytes that are no record of this room. Everything else
 * that can go wrong is an outcome, or a bug.
 */
export class RaftError extends CodedError<RaftErrorDetail> {}
