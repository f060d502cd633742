/**
 * A DNS message as data (RFC 1035 §4, RFC 6891).
 *
 * Names are texts without the final dot, the root is the empty text; case is kept. A dot or
 * backslash inside a label, and every byte that is not printable ASCII, is escaped as in master
 * files (`\.`, `\\`, `\DDD`), so a text and its bytes determine each other.
 */
import type { Ipv4 } from '../../base/index.ts';

export type DnsName = string;

/** Types this codec knows the data of, and those whose queries are counted by name. */
export const RecordType = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  HTTPS: 65,
  ANY: 255,
} as const;

export const RecordClass = { IN: 1 } as const;

export const Opcode = { QUERY: 0 } as const;

/** Response codes. `BADVERS` is extended: its upper bits travel in the OPT record. */
export const Rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;

/** The longest message: what TCP's length prefix can say. */
export const MESSAGE_BYTES_MAX = 65_535;

/** What a client takes over UDP when it says nothing (RFC 1035 §2.3.4). */
export const UDP_BYTES_DEFAULT = 512;

/** What Hawser says it takes over UDP: fits one IPv6 packet of minimum MTU. */
export const UDP_BYTES_ADVERTISED = 1232;

export const HEADER_BYTES = 12;

export interface Header {
  /** u16 */
  readonly id: number;
  readonly isResponse: boolean;
  /** u4 */
  readonly opcode: number;
  readonly isAuthoritative: boolean;
  readonly isTruncated: boolean;
  readonly isRecursionDesired: boolean;
  readonly isRecursionAvailable: boolean;
  readonly isAuthenticData: boolean;
  readonly isCheckingDisabled: boolean;
  /** With an OPT record 12 bits, without one 4. */
  readonly rcode: number;
}

export interface Question {
  readonly name: DnsName;
  /** u16 */
  readonly type: number;
  /** u16 */
  readonly class: number;
}

export type RecordData =
  | { readonly kind: 'A'; readonly address: Ipv4 }
  /** 16 bytes. */
  | { readonly kind: 'AAAA'; readonly address: Uint8Array }
  | { readonly kind: 'PTR'; readonly target: DnsName }
  | {
      readonly kind: 'SRV';
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: DnsName;
    }
  /**
   * Any other type. Names inside may be compressed against the message they came in, so bytes do
   * not move elsewhere.
   */
  | { readonly kind: 'other'; readonly type: number; readonly bytes: Uint8Array };

export interface ResourceRecord {
  readonly name: DnsName;
  readonly class: number;
  /** Seconds, u32. */
  readonly ttl: number;
  readonly data: RecordData;
}

/** What an OPT record says, except the upper bits of the response code. */
export interface Edns {
  /** Largest UDP payload its sender takes, u16. */
  readonly udpBytes: number;
  /** u8 */
  readonly version: number;
  readonly isDnssecOk: boolean;
  /** The options as they are on the wire. */
  readonly options: Uint8Array;
}

export interface Message {
  readonly header: Header;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  /** Without the OPT record. */
  readonly additionals: readonly ResourceRecord[];
  readonly edns?: Edns;
}
