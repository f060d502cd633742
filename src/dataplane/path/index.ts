/**
 * path: probes between nodes, over the way that the networks' packets take.
 *
 * `pathObjects` is the place in the kernel they go through, `PathProber` decides who is looked at
 * and when, `Trial` is one look at one peer, `judge` and `advise` say what it means. Sockets and
 * clocks are the caller's.
 */
export { encodeEcho, encodeProbe, tryDecodePath, type PathMessage } from './message.ts';
export { PATH_NAMESPACE, pathAddress } from './objects.ts';
export { advise, judge, type PathFault } from './judge.ts';
export {
  PathProber,
  type AddressedProbe,
  type PathPeer,
  type PathProblem,
  type PathReport,
} from './prober.ts';
export { PROBE_BYTES_MAX, type Echo, type Moment, type Probe, type TrialResult } from './trial.ts';
