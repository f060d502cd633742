import { invalidArgument } from '../kernel-error.ts';

const SYSCTL_PATTERN = /^net(\/[A-Za-z0-9_.:@-]+)+$/;

/**
 * The path, if it is one below `net/`, the part of /proc/sys that each namespace has for itself.
 */
export function checkedSysctlPath(path: string): string {
  const isSafe = SYSCTL_PATTERN.test(path) && !path.split('/').includes('..');
  if (!isSafe) throw invalidArgument('sysctl', path);
  return path;
}
