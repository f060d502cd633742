/**
 * The whole way of a query that needs nobody else: bytes in, bytes out. This is what the native
 * engine does, byte for byte: with the same generator both write the same reply.
 */
import type { Rng } from '../../base/index.ts';
import type { Names } from '../names/names.ts';
import { resolve, type Asker } from '../names/resolve.ts';
import { Rcode } from '../wire/message.ts';
import { readQuery } from './query.ts';
import { replyTo, type Query, type Transport } from './reply.ts';

/** What became of a query; the engine's counters have these columns in this order. */
export const QUERY_OUTCOMES = [
  /** From the node's own names, with records. */
  'answered',
  /** The name is known here, but not with this type. */
  'nodata',
  'nxdomain',
  /** An upstream's answer was passed on, whatever it says. */
  'forwarded',
  /** SERVFAIL: no upstream answered, or none may be asked. */
  'failed',
  /** REFUSED: too many in flight. */
  'refused',
  /** FORMERR, NOTIMP or BADVERS. */
  'malformed',
  /** No reply at all: not a query. */
  'dropped',
] as const;

export type QueryOutcome = (typeof QUERY_OUTCOMES)[number];

export type Served =
  | { readonly kind: 'reply'; readonly outcome: QueryOutcome; readonly reply: Uint8Array }
  | { readonly kind: 'drop' }
  /** Only the outside knows. */
  | { readonly kind: 'forward'; readonly query: Query };

export interface ServeContext {
  readonly asker: Asker;
  readonly transport: Transport;
  readonly rng: Rng;
}

export function serveQuery(names: Names, bytes: Uint8Array, context: ServeContext): Served {
  const reading = readQuery(bytes, context.transport);
  if (reading.kind === 'drop') return reading;
  if (reading.kind === 'mistake') {
    return { kind: 'reply', outcome: 'malformed', reply: reading.reply };
  }
  const { query } = reading;
  const resolution = resolve(names, query.question, context);
  switch (resolution.kind) {
    case 'forward':
      return { kind: 'forward', query };
    case 'refuse':
      return {
        kind: 'reply',
        outcome: resolution.rcode === Rcode.NXDOMAIN ? 'nxdomain' : 'refused',
        reply: replyTo(query, resolution.rcode),
      };
    case 'answer':
      return {
        kind: 'reply',
        outcome: resolution.records.length === 0 ? 'nodata' : 'answered',
        reply: replyTo(query, Rcode.NOERROR, resolution.records),
      };
  }
}
