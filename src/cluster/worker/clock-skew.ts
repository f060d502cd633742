/**
 * Says that two clocks differ, where that is why a certificate is not valid.
 *
 * Certificates are backdated by an hour, so clocks that differ by less hardly ever matter. The
 * manager's clock is heard from whoever answers there, so it explains and decides nothing.
 */
import type { Clock } from '../../base/index.ts';
import { ClusterError, isClusterError } from '../errors.ts';
import { fetchAuthority, formatHostPort, type HostPort } from '../transport/index.ts';

/** Differences that are not worth a word. */
const SKEW_MIN_MS = 300_000;

/** What went wrong, or that the clocks differ when that is why. */
export async function explainTimes(error: unknown, to: HostPort, clock: Clock): Promise<unknown> {
  if (isClusterError(error, 'certificate-expired') && error.detail.code === 'certificate-expired')
    return skewOf(clock.wallMs(), error.detail.nowMs, to) ?? error;
  if (!isUntimely(error)) return error;
  const managerMs = await fetchAuthority(to).then(
    (reply) => reply.nowMs,
    () => undefined,
  );
  if (managerMs === undefined) return error;
  return skewOf(clock.wallMs(), managerMs, to) ?? error;
}

/** Whether this end found the other's certificate not yet valid, or no longer. */
function isUntimely(error: unknown): boolean {
  if (!isClusterError(error, 'unreachable') || !(error.cause instanceof Error)) return false;
  const { code } = error.cause as NodeJS.ErrnoException;
  return code === 'CERT_NOT_YET_VALID' || code === 'CERT_HAS_EXPIRED';
}

function skewOf(localMs: number, managerMs: number, to: HostPort): ClusterError | undefined {
  const skewMs = Math.round(localMs - managerMs);
  if (Math.abs(skewMs) < SKEW_MIN_MS) return undefined;
  return new ClusterError(
    { code: 'clock-skew', skewMs },
    `the clock of this node is ${duration(Math.abs(skewMs))} ` +
      `${skewMs < 0 ? 'behind' : 'ahead of'} the manager's (here ${iso(localMs)}, at ` +
      `${formatHostPort(to)} ${iso(managerMs)}), so that certificates are not valid at both. Set ` +
      'the clocks, for example by NTP, and try again',
  );
}

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
