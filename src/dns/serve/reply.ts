/** Replies of the resolver's own: RA set, AA and AD not, the question as it was asked. */
import { encodeMessage } from '../wire/encode.ts';
import {
  UDP_BYTES_ADVERTISED,
  UDP_BYTES_DEFAULT,
  type Edns,
  type Header,
  type Question,
  type ResourceRecord,
} from '../wire/message.ts';

const UDP_PAYLOAD_MAX = 65_507;
const TCP_PAYLOAD_MAX = 65_535;

export type Transport = 'udp' | 'tcp';

/** A query of exactly one question. */
export interface Query {
  readonly bytes: Uint8Array;
  readonly transport: Transport;
  readonly header: Header;
  readonly question: Question;
  readonly edns: Edns | undefined;
}

/** The longest reply that the client takes. */
export function replyBytesMax(query: Pick<Query, 'transport' | 'edns'>): number {
  if (query.transport === 'tcp') return TCP_PAYLOAD_MAX;
  const wanted = query.edns?.udpBytes ?? UDP_BYTES_DEFAULT;
  return Math.min(Math.max(wanted, UDP_BYTES_DEFAULT), UDP_PAYLOAD_MAX);
}

export function replyTo(
  query: Omit<Query, 'bytes'>,
  rcode: number,
  answers: readonly ResourceRecord[] = [],
): Uint8Array {
  const message = {
    header: replyHeader(query.header, rcode),
    questions: [query.question],
    answers,
    authorities: [],
    additionals: [],
    ...(query.edns === undefined ? {} : { edns: replyEdns(query.edns) }),
  };
  return encodeMessage(message, replyBytesMax(query));
}

/** To a query whose question cannot be repeated: twelve bytes. */
export function headerReply(header: Header, rcode: number): Uint8Array {
  const nothing = { questions: [], answers: [], authorities: [], additionals: [] };
  return encodeMessage({ header: replyHeader(header, rcode), ...nothing });
}

function replyHeader(header: Header, rcode: number): Header {
  return {
    ...header,
    isResponse: true,
    isAuthoritative: false,
    isTruncated: false,
    isRecursionAvailable: true,
    isAuthenticData: false,
    rcode,
  };
}

function replyEdns(edns: Edns): Edns {
  return { ...edns, udpBytes: UDP_BYTES_ADVERTISED, version: 0, options: new Uint8Array() };
}
