/**
 * lab: a whole cluster on one machine, for trying and for testing.
 *
 * Each node is a network namespace with an agent of its own, all on one bridge; `client` is a
 * machine outside the cluster. The lab only starts, stops and removes: everything else goes through
 * the agents' API, as it would on real machines. One lab per machine; up to 100 nodes; needs root
 * and iproute2. Names, addresses and paths are in `layout.ts`; start reading with `lab.ts` (up,
 * status, exec, stop, start), `cluster/` and `down.ts`. `demo/` is what `make demo` shows.
 */
export {
  labDown,
  labExec,
  labStart,
  labStatus,
  labStop,
  labUp,
  type LabNodeStatus,
} from './lab.ts';
export { hawserProgram } from './cluster/agents.ts';
export { LabError, type LabErrorDetail } from './errors.ts';
export { type LabOptions } from './lab-state.ts';
export { labNode, labNodes, type LabHost, type LabNode } from './layout.ts';
