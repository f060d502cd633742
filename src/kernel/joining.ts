/**
 * Namespaces that others made: found by their path, held under a name of the run directory while
 * they are joined, and given back without a trace.
 *
 * The name is a bind mount, so it means the same namespace whatever becomes of the path, and the
 * kernel cannot give its number to another one meanwhile.
 */
import { closeSync, constants, openSync, statSync, statfsSync } from 'node:fs';
import { isErrno } from './kernel-error.ts';
import { createNamespace, type NamespaceFd } from './native.ts';
import {
  deleteLink,
  listLinks,
  listRoutes,
  NETLINK_ROUTE,
  NetlinkSocket,
  readLink,
  readRoute,
} from './netlink/index.ts';
import { applyNft, listNft } from './nft/nft-tables.ts';
import { PEER_ALIAS } from './linux/link-objects.ts';

/** File system type of a namespace's file. */
export const NSFS_MAGIC = 0x6e736673;
/** Links and tables of ours among those of others begin with this. */
export const OWN_PREFIX = 'hawser';
const TABLE_MAIN = 254;
const DEFAULT_ROUTES: readonly string[] = ['0.0.0.0/0', '::/0'];

/**
 * Why a namespace cannot be joined. `not-a-namespace`: there is no network namespace at the path.
 * `own`: it is the one that the agent works in. `occupied`: somebody's Hawser has links or
 * tables in it already.
 */
export type JoinProblem = 'not-a-namespace' | 'own' | 'occupied';

/** Names the namespace while it lives; `undefined` when there is none at the path. */
export function namespaceIdentity(path: string): string | undefined {
  try {
    if (statfsSync(path).type !== NSFS_MAGIC) return undefined;
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

export interface JoinTarget {
  /** Where to mount the namespace; made when it is not there. */
  readonly mountPoint: string;
  /** What is ours in it already is no hindrance: it was joined before. */
  readonly isKnown: boolean;
}

export async function joinNamespace(
  path: string,
  { mountPoint, isKnown }: JoinTarget,
): Promise<JoinProblem | undefined> {
  const fd = tryOpenNamespace(path);
  if (fd === undefined) return 'not-a-namespace';
  try {
    if (namespaceIdentity(`/proc/self/fd/${fd}`) === namespaceIdentity('/proc/self/ns/net'))
      return 'own';
    if (!isKnown && (await hasOwnObjects(fd))) return 'occupied';
    // Somebody may have mounted it meanwhile, and mounts would lie upon each other.
    if (namespaceIdentity(mountPoint) !== undefined) return undefined;
    // By descriptor: whatever happens to the path, it is the namespace that was looked at.
    createNamespace(mountPoint, fd);
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** Takes away what is ours in a namespace that was joined. */
export async function clearJoined(path: string, socket: NetlinkSocket): Promise<void> {
  const rows = socket.dump(listLinks()).map(readLink);
  const own = rows.filter((row) => row?.alias === PEER_ALIAS && row.name.startsWith(OWN_PREFIX));
  const errors = socket.batch(own.map((row) => deleteLink(row?.index ?? 0)));
  const refused = errors.find((error) => error !== undefined && !isErrno(error, 'ENODEV'));
  if (refused !== undefined) throw refused;
  const tables = await listNft(path, { isShared: true });
  const { errors: outcomes } = await applyNft(
    path,
    tables.map((was) => ({ was })),
  );
  const failed = outcomes.find((error) => error !== undefined);
  if (failed !== undefined) throw failed;
}

/** Destinations of the main table that others' links lead to, without the default route. */
export function foreignDestinations(socket: NetlinkSocket): string[] {
  const links = socket.dump(listLinks()).map(readLink);
  const ours = new Set(links.filter((row) => row?.alias === PEER_ALIAS).map((row) => row?.index));
  return socket
    .dump(listRoutes())
    .map(readRoute)
    .filter((row) => row !== undefined)
    .filter((row) => row.table === TABLE_MAIN && !ours.has(row.link))
    .map((row) => row.destination)
    .filter((destination) => !DEFAULT_ROUTES.includes(destination));
}

/** Asking for a netlink socket in it shows whether it is a namespace, and one of networks. */
function tryOpenNamespace(path: string): NamespaceFd | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (statfsSync(`/proc/self/fd/${fd}`).type === NSFS_MAGIC) {
      new NetlinkSocket(fd, NETLINK_ROUTE).close();
      return fd;
    }
  } catch {
    // Nothing is there, or it is of another kind.
  }
  if (fd !== undefined) closeSync(fd);
  return undefined;
}

async function hasOwnObjects(fd: NamespaceFd): Promise<boolean> {
  const socket = new NetlinkSocket(fd, NETLINK_ROUTE);
  try {
    const links = socket.dump(listLinks()).map(readLink);
    if (links.some((row) => row?.name.startsWith(OWN_PREFIX) === true)) return true;
  } finally {
    socket.close();
  }
  const tables = await listNft(`/proc/${process.pid}/fd/${fd}`, { isShared: true });
  return tables.length > 0;
}
