/** What a trial says of a path, and in words that say what to do. */
import { PROBE_BYTES_MAX, TUNNEL_BYTES, type TrialResult } from './trial.ts';

export type PathFault =
  'unreachable' | 'one-way' | 'checksum' | 'corrupt' | 'loss' | 'clock' | 'mtu';

/** A fifth of what is sent: TCP slows to a crawl. */
const LOSS_PERCENT_MAX = 20;
/** Certificates and logs are compared across nodes. */
const CLOCK_OFFSET_MS_MAX = 1000;
/** Below, IPv6 has no way, and IPv4 hosts are not required to put packets together. */
const PATH_MTU_MIN = 1280 + TUNNEL_BYTES;

/** `isHeard`: probes of the peer have come in since it last answered one. */
export function judge(
  result: TrialResult,
  { isHeard }: { readonly isHeard: boolean },
): PathFault[] {
  const { summedLossPercent, bareLossPercent } = result;
  if (summedLossPercent === 100 && bareLossPercent === 100 && result.corrupt === 0)
    return [isHeard ? 'one-way' : 'unreachable'];
  const faults: PathFault[] = [];
  const isLargeLost = result.largeSent > 0 && result.largeArrived === 0;
  const isSummedLost = summedLossPercent === 100 && bareLossPercent < 100;
  if (isSummedLost || isLargeLost) faults.push('checksum');
  if (result.corrupt > 0) faults.push('corrupt');
  const lossPercent = isSummedLost ? bareLossPercent : (summedLossPercent + bareLossPercent) / 2;
  if (lossPercent > LOSS_PERCENT_MAX) faults.push('loss');
  if (Math.abs(result.clockOffsetMs ?? 0) > CLOCK_OFFSET_MS_MAX) faults.push('clock');
  if ((result.pathMtu ?? PROBE_BYTES_MAX) < PATH_MTU_MIN) faults.push('mtu');
  return faults;
}

/** One sentence for people. */
export function advise(fault: PathFault, result: TrialResult, port: number): string {
  switch (fault) {
    case 'unreachable':
      return `nothing passes either way: allow UDP port ${port} between the nodes, and see that nothing else uses it`;
    case 'one-way':
      return `its packets arrive here and ours do not arrive there: allow UDP port ${port} in that direction, too`;
    case 'checksum':
      return 'packets with checksums are lost in the tunnel: switch the network card’s tunnel offload off (ethtool -K DEVICE tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off tx off)';
    case 'corrupt':
      return 'packets arrive changed: look at network cards, cables and what inspects traffic on the way';
    case 'loss':
      return `${Math.round((result.summedLossPercent + result.bareLossPercent) / 2)} % of the probes are lost: look for an overloaded or faulty link`;
    case 'clock':
      return `its clock differs by ${Math.round(result.clockOffsetMs ?? 0)} ms: run a time service on both nodes`;
    case 'mtu':
      return `packets of no more than ${result.pathMtu ?? 0} bytes pass undivided: raise the MTU of the links between the nodes`;
  }
}
