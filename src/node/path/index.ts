/** path: this node's end of the probes between nodes. Start with `path-probes.ts`. */
export {
  BARE_PORT,
  PROBE_PORT,
  PathProbes,
  type PathProbesOptions,
  type PathSocketFds,
} from './path-probes.ts';
