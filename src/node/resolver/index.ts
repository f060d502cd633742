/**
 * resolver: the sockets of the room `dns`.
 *
 * In every sandbox it answers on 127.0.0.11, over UDP and TCP, on ports of the kernel's choice to
 * which the data plane redirects port 53. What the node's view knows is answered from one index
 * that all sandboxes share (`dns.buildNames`); the rest is forwarded: to the host's servers from
 * the agent's own namespace, to a service's own servers (`--dns`) from inside of the sandbox. It
 * never decides what a name means, and never asks a host's server for a sandbox that has no way
 * out.
 *
 * Inputs: `open`/`close` per sandbox, `update(view)`, sockets made by `ResolverSockets` (the
 * kernel's part). Outputs: ports, replies, counters. Limits (`RESOLVER_LIMITS`): 1,024 forwarded
 * queries under way per sandbox and 8,192 per node, then REFUSED; 4 s per server; 64 TCP
 * connections per sandbox, 10 s idle. No reply at all before the first view: a client asks again,
 * but a wrong NXDOMAIN it believes.
 *
 * Start with `query-handler.ts` (one query's way), then `forwarder.ts`.
 */
export { ResolverError, type ResolverErrorDetail } from './errors.ts';
export type { ClientSocketType, ResolverSockets, ServerSockets } from './resolver-sockets.ts';
export {
  RESOLVER_LIMITS,
  Resolver,
  type ResolverLimits,
  type ResolverOptions,
  type ResolverPorts,
  type SandboxOptions,
} from './resolver.ts';
export type { QueryCount, QueryOutcome } from './query-counters.ts';
