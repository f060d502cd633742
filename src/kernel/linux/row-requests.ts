/** Addresses, routes, rules, neighbours and forwarding rows as netlink requests. */
import type { KernelObject, Operation } from '../../dataplane/index.ts';
import {
  createRule,
  deleteAddress,
  deleteFdb,
  deleteNeighbour,
  deleteRoute,
  deleteRule,
  putAddress,
  putFdb,
  putNeighbour,
  putRoute,
  type NetlinkRequest,
} from '../netlink/index.ts';

/** Objects that go into batches. */
export type RowObject = Extract<
  KernelObject,
  { kind: 'address' | 'route' | 'rule' | 'neighbour' | 'fdb' }
>;

/** A request with the refusals that mean "it is so already". */
export interface RowRequest {
  readonly request: NetlinkRequest;
  readonly harmless: readonly string[];
}

const GONE = ['ENODEV', 'ENOENT', 'ESRCH', 'EADDRNOTAVAIL'];

export function isRow(object: KernelObject): object is RowObject {
  return !['link', 'sysctl', 'nft-table'].includes(object.kind);
}

/** `indexOf` throws `KernelError` with ENODEV for a link that is not there. */
export function rowRequests(
  operation: Operation,
  object: RowObject,
  indexOf: (link: string) => number,
): RowRequest[] {
  if (operation.action === 'delete')
    return [{ request: deleteRequest(object, indexOf), harmless: GONE }];
  if (object.kind !== 'rule') return [{ request: putRequest(object, indexOf), harmless: [] }];
  const put = { request: createRule(object), harmless: ['EEXIST'] };
  const { was } = operation;
  // A rule with another table is another rule to the kernel; the old one would stay beside it.
  if (was?.kind !== 'rule' || was.table === object.table) return [put];
  return [{ request: deleteRule(was), harmless: GONE }, put];
}

function putRequest(
  object: Exclude<RowObject, { kind: 'rule' }>,
  indexOf: (link: string) => number,
): NetlinkRequest {
  const link = indexOf(object.link);
  switch (object.kind) {
    case 'address':
      return putAddress({ ...object, link });
    case 'route':
      return putRoute({ ...object, link });
    case 'neighbour':
      return putNeighbour({ ...object, link });
    case 'fdb':
      return putFdb({ ...object, link });
  }
}

function deleteRequest(object: RowObject, indexOf: (link: string) => number): NetlinkRequest {
  if (object.kind === 'rule') return deleteRule(object);
  const link = indexOf(object.link);
  switch (object.kind) {
    case 'address':
      return deleteAddress({ ...object, link });
    case 'route':
      return deleteRoute({ ...object, link });
    case 'neighbour':
      return deleteNeighbour({ ...object, link });
    case 'fdb':
      return deleteFdb({ ...object, link });
  }
}
