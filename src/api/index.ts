/**
 * api: the Docker Engine API on a unix socket, so that the unchanged docker CLI drives Hawser.
 *
 * Decides how a request is understood (versions 1.24 to 1.51, filters, names and prefixes of ids),
 * what is refused and with which status, and how objects of the cluster read as Docker's documents.
 * Never decides what the cluster does: changes are commands that the store takes or refuses; never
 * touches the kernel or the disk.
 *
 * Inputs: a `Backend` (declared here in `backend.ts`, made by the agent): the cluster member, the
 * runtime, facts. Outputs: HTTP answers, streams of log lines and events, hijacked connections for
 * exec. Limits: 1,024 connections, 32 KiB of headers, 16 MiB for a JSON body within 30 s; images
 * are streams without limit. Slow readers are waited for, one line at a time; nothing is buffered
 * for them.
 *
 * Start with `start.ts` (the routes and the socket), then `http/exchange.ts` (what a handler gets
 * and returns), then a handler such as `networks/networks.ts`. One table maps error codes to
 * statuses: `http/errors.ts`.
 */
export type { AddressBook, Backend, NodeFacts } from './backend.ts';
export { startApi, ApiStartError, type Api, type ApiOptions } from './start.ts';
export { HTTP_LIMITS, type HttpCounters, type HttpLimits } from './http/server.ts';
