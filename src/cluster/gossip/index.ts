/**
 * cluster/gossip: runs the room `gossip` on sockets, with the cluster's keys, on every member.
 *
 * Decides: with which keys this node seals (those that a manager told it last), when the leader
 * brings nodes to other ones, whom to join, and which endpoints of the view are out of use for the
 * moment. Never adds an endpoint, a network or a node: those are the managers' to say. Inputs: the
 * view, what becomes of this node's tasks, the revisions that its kernel follows, keys. Outputs:
 * the view with what gossip knows laid over it, counters. On disk: `gossip-keys.json`, for root
 * only. Port: 7946 UDP and TCP, the same on all nodes, on the address of the data path, so that
 * what it finds reachable is what tasks' frames travel on. Limits: `SOURCE_RATES`,
 * `STREAM_LIMITS`, `HOST_WATCH_LIMITS`, and those of `gossip`. Start with `node-gossip.ts`, then
 * `gossip-life.ts`; `shell/shell.ts` holds the sockets, `facts/overlay-view.ts` what comes of it
 * all.
 *
 * 2026-11-21: a dead agent is not a dead node. Decision: endpoints of a member that is declared
 * failed leave the balance only if its host does not answer either: three TCP connects in a row to
 * the gossip port, a quarter of a second apart and begun when the member is suspected, bring
 * neither a connection nor a refusal. Once silent, a host counts as lost until its agent is heard
 * again. Because the data plane outlives the agent: containers and their networking go on while it
 * is killed or upgraded, and must go on to be used; the kernel answers a SYN without it. Instead
 * of the failure detector's word alone (each restart of an agent would move its traffic), ICMP
 * echo (a raw socket, and often filtered) and UDP (the kernel's "port unreachable" is rate
 * limited). Cost: a host that hangs but answers SYNs keeps its endpoints until managers call it
 * down; firewalls have to let the gossip port through, which gossip needs anyway.
 *
 * 2026-11-21: facts refuse, managers grant. Decision: a fact takes an endpoint out of use, or puts
 * one to use that a manager means to be used; a node that says nothing of an endpoint changes
 * nothing. Because whoever holds a key can say anything, and what is not heard may be on its way.
 * Instead of rows appearing by gossip (Swarm). Cost: an endpoint that is new needs a manager once.
 */
export { NodeGossip, type GossipReport } from './node-gossip.ts';
export { KeyRotator } from './keys/key-rotator.ts';
export { removeHeldKeys } from './keys/held-keys.ts';
export { gossipKeysIn } from './keys/ring-plan.ts';
