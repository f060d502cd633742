/** One request and what is known of it; and the answers that handlers return. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * The connection of a request that asked for an upgrade; its body is still unread on the socket.
 */
export interface Upgrade {
  readonly socket: Duplex;
  /** Bytes that came with the headers. */
  readonly head: Buffer;
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Minor API version the client speaks. */
  readonly minor: number;
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: URLSearchParams;
  readonly upgrade: Upgrade | undefined;
  /** A client that takes longer than this to send a JSON document is given up on. */
  readonly bodyDeadlineMs: number;
  /** Aborts when the client is gone or the server closes. */
  readonly signal: AbortSignal;
}

export type Reply =
  | { readonly kind: 'json'; readonly status: number; readonly document: unknown }
  | { readonly kind: 'text'; readonly status: number; readonly text: string }
  | { readonly kind: 'empty'; readonly status: number }
  /** The handler wrote the response, or took the connection over. */
  | { readonly kind: 'written' };

export type Handler = (exchange: Exchange) => Promise<Reply> | Reply;

export interface Route {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** find-my-way pattern, without the version prefix. */
  readonly path: string;
  readonly handle: Handler;
}

export const WRITTEN: Reply = { kind: 'written' };
export const NO_CONTENT: Reply = { kind: 'empty', status: 204 };
export const OK_EMPTY: Reply = { kind: 'empty', status: 200 };

export function json(document: unknown, status = 200): Reply {
  return { kind: 'json', status, document };
}

/** A path parameter that the route's pattern guarantees. */
export function param(exchange: Exchange, name: string): string {
  return exchange.params[name] ?? '';
}

/** Docker's idea of a true query value: anything but empty, `0`, `no`, `false` and `none`. */
export function flag(query: URLSearchParams, name: string, fallback = false): boolean {
  const value = query.get(name);
  if (value === null) return fallback;
  return !['', '0', 'no', 'false', 'none'].includes(value.trim().toLowerCase());
}
