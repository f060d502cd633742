import {
  ADDRESS_BITS,
  addressAt,
  cidr,
  cidrContains,
  cidrOverlaps,
  cidrSize,
  familyOf,
  formatCidr,
  formatIp,
  maskTo,
  tryParseCidr,
  tryParseIp,
  type Cidr,
  type Ip,
  type IpFamily,
} from '../../base/index.ts';
import type { IpamConfig, Labels, Network, Subnet } from '../../model/index.ts';

/** Longest prefix that leaves room for a gateway and an endpoint. */
export const SUBNET_BITS_MAX: Readonly<Record<IpFamily, number>> = { 4: 30, 6: 126 };
/** Length of the IPv6 subnets that are cut from pools. */
export const SUBNET6_BITS = 64;
/** Addresses of one pool; an IPv6 subnet has more than a number counts. */
const HOSTS_MAX = 2 ** 48;

export type SubnetDraft = Omit<Subnet, 'vni'>;

/** The subnet an operator described, or what is wrong with the description. */
export function parseSubnet(
  config: IpamConfig & { readonly Subnet: string },
): { readonly subnet: SubnetDraft } | { readonly problem: string } {
  const prefix = tryParseCidr(config.Subnet);
  if (prefix === undefined || prefix.bits > SUBNET_BITS_MAX[familyOf(prefix.base)])
    return { problem: `ipam configuration: invalid subnet ${config.Subnet}` };
  const gateway = config.Gateway ? tryParseIp(config.Gateway) : addressAt(prefix, 1);
  if (gateway === undefined)
    return { problem: `ipam configuration: invalid gateway ${config.Gateway ?? ''}` };
  const subnet = { prefix: formatCidr(prefix), gateway: formatIp(gateway) };
  const lacks = `ipam configuration: subnet ${config.Subnet} does not contain`;
  if (!isHost(prefix, gateway)) return { problem: `${lacks} gateway ${subnet.gateway}` };
  const auxiliary = readAuxiliary(config.AuxiliaryAddresses ?? {}, prefix, gateway);
  if ('problem' in auxiliary) return auxiliary;
  if (!config.IPRange) return { subnet: { ...subnet, ...auxiliary } };
  const range = tryParseCidr(config.IPRange);
  if (range === undefined)
    return { problem: `ipam configuration: invalid range ${config.IPRange}` };
  if (range.bits < prefix.bits || !cidrContains(prefix, range.base) || !hasHost(prefix, range))
    return { problem: `${lacks} range ${config.IPRange}` };
  return { subnet: { ...subnet, ipRange: formatCidr(range), ...auxiliary } };
}

/** Hosts of the subnet, each once, and none of them the gateway. */
function readAuxiliary(
  addresses: Labels,
  prefix: Cidr,
  gateway: Ip,
): { readonly auxiliary?: Labels } | { readonly problem: string } {
  const taken = new Set([gateway]);
  for (const [name, text] of Object.entries(addresses)) {
    const problem = `ipam configuration: auxiliary address ${name}=${text}`;
    const address = tryParseIp(text);
    if (address === undefined || !isHost(prefix, address))
      return { problem: `${problem} is no host of subnet ${formatCidr(prefix)}` };
    if (taken.has(address)) return { problem: `${problem} is already in use` };
    taken.add(address);
  }
  return taken.size > 1 ? { auxiliary: addresses } : {};
}

/** A network that shares addresses with the prefix. */
export function findOverlap(
  prefix: Cidr,
  networks: Iterable<Network>,
): { readonly network: Network; readonly subnet: Subnet } | undefined {
  for (const network of networks) {
    const subnet = network.subnets.find((other) => cidrOverlaps(cidr(other.prefix), prefix));
    if (subnet !== undefined) return { network, subnet };
  }
  return undefined;
}

/**
 * The lowest subnet of the pools that overlaps none in use; `undefined` when the pools are used up.
 * Pools are of one family, that of the subnet.
 */
export function cutSubnet(
  pools: readonly string[],
  bits: number,
  networks: Iterable<Network>,
): SubnetDraft | undefined {
  const used = usedRanges(networks);
  for (const text of pools) {
    const prefix = cutFrom(cidr(text), bits, used);
    if (prefix !== undefined)
      return { prefix: formatCidr(prefix), gateway: formatIp(addressAt(prefix, 1)) };
  }
  return undefined;
}

/**
 * Which places of `range` are hosts of `prefix`: neither the subnet's first address, which is the
 * network's own (IPv4) or any router's (IPv6), nor IPv4's broadcast address.
 */
export function hostPlaces(
  prefix: Cidr,
  range: Cidr,
): { readonly first: number; readonly last: number } {
  const size = cidrSize(range);
  const isAtEnd = endOf(range) === endOf(prefix) && familyOf(prefix.base) === 4;
  return {
    first: range.base === prefix.base ? 1 : 0,
    last: Math.min(size, HOSTS_MAX) - (isAtEnd ? 2 : 1),
  };
}

/** Addresses from `first` to the one before `end`, as numbers of their family. */
interface AddressRange {
  readonly family: IpFamily;
  readonly first: bigint;
  readonly end: bigint;
}

function usedRanges(networks: Iterable<Network>): readonly AddressRange[] {
  const ranges: AddressRange[] = [];
  for (const network of networks) {
    for (const subnet of network.subnets) {
      const prefix = cidr(subnet.prefix);
      const { base } = prefix;
      ranges.push({ family: familyOf(base), first: BigInt(base), end: endOf(prefix) });
    }
  }
  return ranges.sort((one, other) => (one.first < other.first ? -1 : 1));
}

/**
 * One pass over the used ranges, lowest first: each that is in the way moves the candidate behind
 * it.
 */
function cutFrom(pool: Cidr, bits: number, used: readonly AddressRange[]): Cidr | undefined {
  const family = familyOf(pool.base);
  let candidate: Cidr = { base: pool.base, bits };
  for (const { family: usedFamily, first, end } of used) {
    if (usedFamily !== family || end <= BigInt(candidate.base)) continue;
    if (first >= endOf(candidate)) break;
    const behind = behindOf(candidate, end);
    if (behind === undefined) return undefined;
    candidate = behind;
  }
  return cidrContains(pool, candidate.base) ? candidate : undefined;
}

/** The next prefix of the candidate's length that begins at or after `end`. */
function behindOf(candidate: Cidr, end: bigint): Cidr | undefined {
  const last = ofFamily(candidate.base, end - 1n);
  const next = endOf({ base: maskTo(last, candidate.bits), bits: candidate.bits });
  if (next >= 1n << BigInt(ADDRESS_BITS[familyOf(last)])) return undefined;
  return { base: ofFamily(last, next), bits: candidate.bits };
}

function ofFamily(like: Ip, value: bigint): Ip {
  return (typeof like === 'number' ? Number(value) : value) as Ip;
}

function endOf({ base, bits }: Cidr): bigint {
  return BigInt(base) + (1n << BigInt(ADDRESS_BITS[familyOf(base)] - bits));
}

function isHost(prefix: Cidr, address: Ip): boolean {
  const isLast = BigInt(address) === endOf(prefix) - 1n;
  return (
    cidrContains(prefix, address) && address !== prefix.base && !(isLast && familyOf(address) === 4)
  );
}

function hasHost(prefix: Cidr, range: Cidr): boolean {
  const { first, last } = hostPlaces(prefix, range);
  return first <= last;
}
