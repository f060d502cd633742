/** Which objects stand on a link, and go with it. */
import type { KernelObject, LinkObject } from '../objects.ts';
import { needsReplacement } from './same.ts';

/** The link that an object goes with; a link's own name. */
export function linkOf(object: KernelObject): string | undefined {
  switch (object.kind) {
    case 'link':
      return object.name;
    case 'address':
    case 'route':
    case 'neighbour':
    case 'fdb':
      return object.link;
    case 'sysctl':
      return sysctlLink(object.path);
    case 'rule':
    case 'nft-table':
      return undefined;
  }
}

/** Whether putting the link leaves nothing of what was on it. */
export function losesDependents(was: KernelObject | undefined, link: LinkObject): boolean {
  return was?.kind !== 'link' || needsReplacement(was, link);
}

/** The link whose setting it is; it exists as long as the link does. */
export function sysctlLink(path: string): string | undefined {
  const link = /^net\/ipv[46]\/(?:conf|neigh)\/([^/]+)\//.exec(path)?.[1];
  return link === 'all' || link === 'default' ? undefined : link;
}
