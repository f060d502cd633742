/**
 * resolver: names in every sandbox of the node, on 127.0.0.11 over UDP and TCP.
 *
 * A program of its own, the engine (`native/dns/`), holds the sockets and answers what the node's
 * view knows from tables that are written here (`dns.encodeNetworkTable`); it outlives the agent
 * and is adopted by the next one. What the tables do not know it hands up over `dns.sock` in the
 * run directory, and it is asked of the outside here: the host's servers from the agent's own
 * namespace, a service's own servers (`--dns`) from inside of the sandbox. It never decides what a
 * name means, and never asks a host's server for a sandbox that has no way out.
 *
 * Inputs: `open`/`close` per sandbox, `update(view)`. Outputs: ports, replies, counters (read from
 * the file in which the engine keeps them). Limits (`RESOLVER_LIMITS`): 1,024 forwarded queries
 * under way per sandbox and 8,192 per node, then REFUSED; 4 s per server; 64 TCP connections per
 * sandbox, 10 s idle; without an agent forwarded queries wait 4 s for one, then SERVFAIL. Before
 * the first view queries wait in their sockets: a wrong NXDOMAIN a client believes.
 *
 * Start with `resolver.ts`, then `engine/engine.ts` (who runs the engine) and `outside.ts` (what is
 * asked of the outside).
 */
export { ResolverError, type ResolverErrorDetail } from './errors.ts';
export type { ClientSocketType, ClientSockets } from './client-sockets.ts';
export {
  RESOLVER_LIMITS,
  Resolver,
  type ResolverLimits,
  type ResolverOptions,
  type ResolverPorts,
  type SandboxOptions,
} from './resolver.ts';
export { stopEngine } from './engine/engine.ts';
export type { EnginePlace } from './engine/engine-process.ts';
export type { QueryCount } from './engine/counters.ts';
