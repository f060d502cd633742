/** A namespace of a test's own. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { createNamespace, deleteNamespace, type NamespaceFd } from '../../src/kernel/native.ts';
import { NETLINK_ROUTE, NetlinkSocket } from '../../src/kernel/netlink/index.ts';

export interface TestNamespace {
  readonly path: string;
  readonly fd: NamespaceFd;
  readonly route: NetlinkSocket;
  /** Runs a program of the system inside and returns what it printed. */
  readonly run: (program: string, ...args: string[]) => string;
  /** As `run`, parsed as JSON. */
  readonly json: (program: string, ...args: string[]) => unknown;
}

/** Removed after the test, with all that is in it. */
export function makeNamespace(t: ExecutionContext): TestNamespace {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-netns-'));
  const path = join(folder, 'one');
  createNamespace(path);
  const fd = openSync(path, 'r');
  const route = new NetlinkSocket(fd, NETLINK_ROUTE);
  t.teardown(() => {
    route.close();
    closeSync(fd);
    deleteNamespace(path);
    rmSync(folder, { recursive: true });
  });
  const run = (program: string, ...args: string[]): string =>
    execFileSync('nsenter', [`--net=${path}`, program, ...args], {
      encoding: 'utf8',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    });
  const json = (program: string, ...args: string[]): unknown => JSON.parse(run(program, ...args));
  return { path, fd, route, run, json };
}
