/** Reads what a namespace holds, over netlink and /proc; nft tables are read by `nft/`. */
import {
  HOST_NAMESPACE,
  type KernelObject,
  type NamespaceName,
  type ObserveRequest,
  type RuleObject,
  type SysctlObject,
} from '../../dataplane/index.ts';
import { isErrno } from '../kernel-error.ts';
import { readSysctl } from '../native.ts';
import {
  listAddresses,
  listFdb,
  listLinks,
  listNeighbours,
  listRoutes,
  listRules,
  readAddress,
  readFdb,
  readLink,
  readNeighbour,
  readRoute,
  readRule,
  type LinkRow,
  type NetlinkMessage,
  type NetlinkRequest,
  type NetlinkSocket,
  type ObservedRule,
} from '../netlink/index.ts';
import type { OpenNamespace } from '../netns.ts';
import { linkObject } from './link-objects.ts';
import { checkedSysctlPath } from './sysctl.ts';

/** Links and tables in the host's namespace that are ours begin with this. */
const HOST_PREFIX = 'hawser';
const RT_TABLE_LOCAL = 255;
/** The kernel's three rules: for the tables local, main and default. */
const DEFAULT_RULES = new Map([
  [0, 255],
  [32766, 254],
  [32767, 253],
]);

export function observeNetlink(
  name: NamespaceName,
  space: OpenNamespace,
  request: ObserveRequest,
): KernelObject[] {
  const { route } = space;
  const rows = list(route, listLinks(), readLink);
  const nameOf = linkNames(name, rows);
  const objects: KernelObject[] = [];
  for (const row of rows) {
    const object = nameOf(row.index) === undefined ? undefined : linkObject(row, nameOf);
    if (object !== undefined) objects.push(object);
  }
  objects.push(...observeRows(route, nameOf));
  for (const rule of list(route, listRules(), readRule))
    if (isRelevantRule(name, rule)) objects.push(ruleObject(rule));
  objects.push(...observeSysctls(space, request));
  return objects;
}

/** Names by index; of the host's links only ours have one. */
function linkNames(
  namespace: NamespaceName,
  rows: readonly LinkRow[],
): (index: number) => string | undefined {
  const isOurs = (row: LinkRow): boolean =>
    namespace !== HOST_NAMESPACE || row.name.startsWith(HOST_PREFIX);
  const names = new Map(rows.filter(isOurs).map((row) => [row.index, row.name]));
  return (index) => names.get(index);
}

function observeRows(
  route: NetlinkSocket,
  nameOf: (index: number) => string | undefined,
): KernelObject[] {
  const objects: KernelObject[] = [];
  const add = <Row extends { readonly link: number }>(
    rows: readonly Row[],
    toObject: (row: Row, link: string) => KernelObject,
  ): void => {
    for (const row of rows) {
      const link = nameOf(row.link);
      if (link !== undefined) objects.push(toObject(row, link));
    }
  };
  const addresses = list(route, listAddresses(), readAddress);
  add(addresses.filter(isWritten), (row, link) => ({ kind: 'address', ...row, link }));
  const routes = list(route, listRoutes(), readRoute).filter((row) => row.table !== RT_TABLE_LOCAL);
  add(routes, (row, link) => ({ kind: 'route', ...row, link }));
  add(list(route, listNeighbours(), readNeighbour), (row, link) => ({
    kind: 'neighbour',
    ...row,
    link,
  }));
  add(list(route, listFdb(), readFdb), (row, link) => ({ kind: 'fdb', ...row, link }));
  return objects;
}

/** `lo` has its address from the kernel. */
function isWritten(row: { readonly address: string }): boolean {
  return row.address !== '127.0.0.1/8';
}

function isRelevantRule(namespace: NamespaceName, rule: ObservedRule): boolean {
  const isPlain = rule.source === undefined && rule.mark === undefined;
  if (isPlain && DEFAULT_RULES.get(rule.priority) === rule.table) return false;
  return rule.isOwn || namespace !== HOST_NAMESPACE;
}

function ruleObject(rule: ObservedRule): RuleObject {
  const { priority, table, source, mark } = rule;
  return {
    kind: 'rule',
    priority,
    table,
    ...(source === undefined ? {} : { source }),
    ...(mark === undefined ? {} : { mark }),
  };
}

function observeSysctls(space: OpenNamespace, request: ObserveRequest): SysctlObject[] {
  const sysctls: SysctlObject[] = [];
  for (const path of request.sysctls) {
    const value = tryReadSysctl(space, checkedSysctlPath(path));
    if (value !== undefined) sysctls.push({ kind: 'sysctl', path, value });
  }
  return sysctls;
}

/** `undefined` when the kernel has no such setting, or none until a link or module comes. */
function tryReadSysctl(space: OpenNamespace, path: string): string | undefined {
  try {
    return readSysctl(space.fd, path).trim().replace(/\s+/g, ' ');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function list<Row>(
  socket: NetlinkSocket,
  request: NetlinkRequest,
  read: (message: NetlinkMessage) => Row | undefined,
): Row[] {
  const rows: Row[] = [];
  for (const message of socket.dump(request)) {
    const row = read(message);
    if (row !== undefined) rows.push(row);
  }
  return rows;
}
