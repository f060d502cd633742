/**
 * The order in which operations of one namespace are safe: what others stand on comes first and
 * goes last.
 */
import type { Operation } from '../kernel.ts';
import type { KernelObject } from '../objects.ts';
import { sysctlLink } from './links.ts';

/**
 * Sorted by step; equal steps stay in their order. Deletions come before all puts, since a new
 * object may need the address, name or number of an old one. Rules of the firewall are there
 * before a link comes up.
 */
export function inOrder(operations: readonly Operation[]): Operation[] {
  return operations
    .map((operation) => ({ operation, step: stepOf(operation) }))
    .sort((one, other) => one.step - other.step)
    .map(({ operation }) => operation);
}

const PUTS = 100;

function stepOf({ action, object }: Operation): number {
  return action === 'put' ? PUTS + putStep(object) : deleteStep(object);
}

function putStep(object: KernelObject): number {
  switch (object.kind) {
    case 'sysctl':
      return sysctlLink(object.path) === undefined ? 0 : 4;
    case 'nft-table':
      return 1;
    case 'link':
      return object.master === undefined ? 2 : 3;
    case 'address':
      return 5;
    case 'neighbour':
      return 6;
    case 'fdb':
      return 7;
    case 'route':
      return 8;
    case 'rule':
      return 9;
  }
}

function deleteStep(object: KernelObject): number {
  switch (object.kind) {
    case 'rule':
      return 0;
    case 'route':
      return 1;
    case 'fdb':
    case 'neighbour':
      return 2;
    case 'address':
      return 3;
    case 'link':
      return object.master === undefined ? 5 : 4;
    case 'nft-table':
      return 6;
    case 'sysctl':
      return 7;
  }
}
