/**
 * dataplane: what a node's kernel should hold, and what has to be done so that it does.
 *
 * `plan(view, local)` turns what a node knows of the cluster, and where its sandboxes are, into
 * plain objects per network namespace: links, addresses, rows, routes, sysctls, nft tables.
 * `diff(observed, desired)` turns two such lists into operations. Both are functions: no event
 * handler writes to a kernel, so a start, a change, a repair and an upgrade are one path. It
 * never talks to a kernel itself; it declares the `Kernel` that the reconcile loop drives.
 *
 * Inputs: `NodeView`, `LocalPlan`, observed objects. Outputs: `Plan`, `Operation[]`. Limits:
 * IPv4; one node at a time; one plan costs O(endpoints of the node's networks), and what did not
 * change is the same object as in the last one.
 *
 * Start with `objects.ts` (the vocabulary) and `plan.ts`; then one sub-room per concern:
 * `overlay/` (bridges, VXLAN, VIPs), `balancer/` (frontends to backends), `ingress/` (published
 * ports), `egress/` (`hawser_gw`, sandboxes, host ports), `diff/`.
 */
export * from './objects.ts';
export * from './kernel.ts';
export { NFT_FOREIGN_RULE, nftDigest, nftRuleKey } from './nft-digest.ts';
export type { Gateway, LocalPlan, LocalSandbox } from './local-plan.ts';
export { isPlannedNamespace, overlayNamespace } from './names.ts';
export { Planner, plan, pruneNamespaces } from './plan.ts';
export type { PlanInput } from './scene.ts';
export { diff } from './diff/diff.ts';
export { linkOf, losesDependents } from './diff/links.ts';
export { isSame } from './diff/same.ts';
