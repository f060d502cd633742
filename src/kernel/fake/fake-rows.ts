/** What the kernel checks before it takes a row, a setting or a table. */
import { cidr4Contains, maskTo, tryParseInterface4, tryParseIpv4 } from '../../base/index.ts';
import {
  nftRuleKey,
  type FdbObject,
  type NamespaceName,
  type NftTableObject,
  type RouteObject,
  type SysctlObject,
} from '../../dataplane/index.ts';
import { invalidArgument, KernelError } from '../kernel-error.ts';
import { checkedSysctlPath } from '../linux/sysctl.ts';
import { canonicalElement, renderNft } from '../nft/render.ts';
import { refused, type FakeWorld } from './fake-world.ts';

/** Throws `KernelError` when the link is down or the gateway is not reachable through it. */
export function checkRoute(world: FakeWorld, name: NamespaceName, route: RouteObject): void {
  const what = `route ${route.destination}`;
  if (!world.link(name, route.link).isUp) throw refused('ENETDOWN', what);
  if (route.via === undefined || route.isOnlink) return;
  const gateway = tryParseIpv4(route.via);
  if (gateway === undefined) throw invalidArgument('address', route.via);
  for (const object of world.space(name).values()) {
    if (object.kind !== 'address' || object.link !== route.link) continue;
    const prefix = tryParseInterface4(object.address);
    if (prefix === undefined) continue;
    const base = maskTo(prefix.address, prefix.bits);
    if (cidr4Contains({ base, bits: prefix.bits }, gateway)) return;
  }
  throw refused('ENETUNREACH', what);
}

/** `self` rows need a VXLAN device, `master` rows a port of a bridge. */
export function checkFdb(world: FakeWorld, name: NamespaceName, row: FdbObject): void {
  const link = world.link(name, row.link);
  const hasOwner = row.owner === 'self' ? link.type === 'vxlan' : link.master !== undefined;
  if (!hasOwner) throw refused('EOPNOTSUPP', `fdb ${row.mac}`);
}

/** A link's settings exist while the link does. */
export function checkSysctl(world: FakeWorld, name: NamespaceName, sysctl: SysctlObject): void {
  const path = checkedSysctlPath(sysctl.path);
  const link = /^net\/ipv[46]\/(?:conf|neigh)\/([^/]+)\//.exec(path)?.[1];
  if (link === undefined || link === 'all' || link === 'default') return;
  if (!world.space(name).has(`link/${link}`)) throw refused('ENOENT', `sysctl ${path}`);
}

/**
 * The table as it would be read back; throws `KernelError` with code NFT for names that are not
 * there.
 */
export function storedTable(table: NftTableObject): NftTableObject {
  renderNft(undefined, table);
  const chains = new Set(table.chains.map((chain) => chain.name));
  const sets = new Set([...table.sets, ...table.maps].map((set) => set.name));
  const rules = table.chains.flatMap((chain) => chain.rules);
  const values = table.maps.flatMap((map) => [...map.elements.values()]);
  for (const text of [...rules, ...values]) {
    for (const [, name] of text.matchAll(/\b(?:goto|jump) ([\w./-]+)/g)) need(chains, name ?? '');
    for (const [, name] of text.matchAll(/@([A-Za-z][\w./-]*)/g)) need(sets, name ?? '');
  }
  return {
    ...table,
    sets: table.sets.map((set) => ({
      ...set,
      elements: set.dynamic === undefined ? set.elements.map(canonicalElement) : [],
    })),
    maps: table.maps.map((map) => ({ ...map, elements: canonicalMap(map.elements) })),
    chains: table.chains.map((chain) => ({ ...chain, rules: chain.rules.map(nftRuleKey) })),
  };
}

function need(names: ReadonlySet<string>, name: string): void {
  // What a packet's own fields are called after `@` (`@th,16,16`) is no name of ours.
  if (names.has(name) || ['ll', 'nh', 'th', 'ih'].includes(name)) return;
  const text = `No such file or directory: ${name}`;
  throw new KernelError({ code: 'NFT', text }, text);
}

function canonicalMap(elements: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map(
    [...elements].map(([key, value]) => [canonicalElement(key), canonicalElement(value)]),
  );
}
