/**
 * orchestrator: from services to tasks.
 *
 * Decides: which tasks exist, on which node each runs, when one is replaced, stopped or forgotten.
 * What it keeps in mind between two decisions only spares it looks that would find nothing:
 * `decide` reads the store and returns the next change, so a new leader, a restart and a simulator
 * all go on from the same place. Never talks to nodes: they read their tasks' desired states and
 * report.
 * Inputs: the store, wall clock time, randomness (ids, ties in placement). Output: a `tasks.change`
 * command of bounded size and when to look again.
 *
 * A task's way: created with a node (or pending, with the reason) -> desired `ready` while it must
 * wait for a delay or for its predecessor -> desired `running` -> desired `shutdown` when replaced,
 * kept as history -> removed. A task that has no successor (its service is gone, or scaled down)
 * goes to desired `remove`, and from the store when its node has reported its end. Start with
 * `orchestrator.ts`, then `group.ts` (how a slot stands) and `reconcile.ts` (what is done then).
 */
export { Orchestrator, decide, type DecideOutcome } from './orchestrator.ts';
