import { CodedError } from '../base/index.ts';

/** Why bytes or a text were refused. `offset` is where in the message the reader stood. */
export type DnsErrorDetail =
  /** The message ends inside what it promises. */
  | { readonly code: 'short'; readonly offset: number }
  /** More than 65,535 bytes, or more records than the caller allows. */
  | { readonly code: 'oversized'; readonly limit: number }
  /**
   * A label that is neither plain nor a pointer (RFC 6891 §5: the other two types are not in use).
   */
  | { readonly code: 'label-type'; readonly offset: number }
  /** A compression pointer that does not point to an earlier name. */
  | { readonly code: 'pointer'; readonly offset: number }
  /** A name of more than 255 bytes, or a label of more than 63. */
  | { readonly code: 'name-too-long'; readonly offset: number }
  /** Record data that does not have its type's form. */
  | { readonly code: 'record-data'; readonly offset: number }
  /** An OPT record where none may be, or a second one. */
  | { readonly code: 'opt'; readonly offset: number }
  /** Bytes after the last record. */
  | { readonly code: 'trailing-bytes'; readonly offset: number }
  /** A text that is no domain name. */
  | { readonly code: 'name-text'; readonly text: string }
  /** An entry of a spec's `Hosts` that is not `address name [alias…]`. */
  | { readonly code: 'hosts-entry'; readonly entry: string };

/** What the room `dns` throws: bytes from the network or texts from a spec that it refuses. */
export class DnsError extends CodedError<DnsErrorDetail> {}
