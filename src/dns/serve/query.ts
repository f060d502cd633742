/** What bytes are: a question, a mistake that has a reply, or nothing to reply to. */
import { DnsError } from '../errors.ts';
import { decodeHeader, decodeMessage } from '../wire/decode.ts';
import { Opcode, Rcode, type Header } from '../wire/message.ts';
import { headerReply, replyTo, type Query, type Transport } from './reply.ts';

/** A query holds a question and some EDNS options; nobody's resolver sends longer ones. */
export const QUERY_BYTES_MAX = 4096;

/** An OPT record and a TSIG or SIG(0); more in a query is nobody's. */
const QUERY_RECORDS_MAX = 4;

export type Reading =
  | { readonly kind: 'query'; readonly query: Query }
  /** `type` is the question's where it could be read. */
  | { readonly kind: 'mistake'; readonly type: number | undefined; readonly reply: Uint8Array }
  /** Not a query. Answering an answer would be a loop. */
  | { readonly kind: 'drop' };

export function readQuery(bytes: Uint8Array, transport: Transport): Reading {
  const header = tryRead(() => decodeHeader(bytes));
  if (header === undefined || header.isResponse) return { kind: 'drop' };
  if (header.opcode !== Opcode.QUERY) return mistake(header, Rcode.NOTIMP);
  const limits = { questionsMax: 1, recordsMax: QUERY_RECORDS_MAX };
  const message =
    bytes.length > QUERY_BYTES_MAX ? undefined : tryRead(() => decodeMessage(bytes, limits));
  const question = message?.questions[0];
  if (message === undefined || question === undefined) return mistake(header, Rcode.FORMERR);
  const query = { bytes, transport, header, question, edns: message.edns };
  if (message.edns === undefined || message.edns.version === 0) return { kind: 'query', query };
  return { kind: 'mistake', type: question.type, reply: replyTo(query, Rcode.BADVERS) };
}

function tryRead<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DnsError) return undefined;
    throw error;
  }
}

function mistake(header: Header, rcode: number): Reading {
  return { kind: 'mistake', type: undefined, reply: headerReply(header, rcode) };
}
