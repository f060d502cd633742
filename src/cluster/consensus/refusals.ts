/** The errors of this folder, with what people read. */
import type { PeerId } from '../../raft/index.ts';
import { ClusterError } from '../errors.ts';

/** Docker's own words, which its users search for. */
const NO_LEADER_TEXT =
  'The swarm does not have a leader. ' +
  "It's possible that too few managers are online. " +
  'Make sure more than half of the managers are online.';

export function noLeader(): ClusterError {
  return new ClusterError({ code: 'no-leader' }, NO_LEADER_TEXT);
}

export function notLeader(leader: PeerId | undefined): ClusterError {
  const who = leader === undefined ? 'no leader is known' : `the leader is ${leader}`;
  return new ClusterError({ code: 'not-leader', leader }, `this manager does not lead: ${who}`);
}

export function closed(): ClusterError {
  return new ClusterError({ code: 'closed' }, 'the cluster log is closed');
}

export function busy(): ClusterError {
  const message = 'the cluster has too many changes waiting; try again in a moment';
  return new ClusterError({ code: 'busy' }, message);
}

export function tooLarge(bytes: number, bytesMax: number): ClusterError {
  return new ClusterError(
    { code: 'too-large', bytes, bytesMax },
    `the change takes ${bytes} bytes in the cluster log; at most ${bytesMax} are allowed`,
  );
}

export function outcomeUnknown(): ClusterError {
  const message =
    'the managers did not confirm the change in time; it may have been made, or may yet be made';
  return new ClusterError({ code: 'timeout' }, message);
}

export function readTimeout(): ClusterError {
  return new ClusterError({ code: 'timeout' }, 'the managers did not answer the read in time');
}

export function membershipRefused(reason: string): ClusterError {
  const message = `the change of managers was refused: ${reason}`;
  return new ClusterError({ code: 'membership-refused', reason }, message);
}

export function transferRefused(reason: string): ClusterError {
  const message = `leadership was not handed over: ${reason}`;
  return new ClusterError({ code: 'transfer-refused', reason }, message);
}
