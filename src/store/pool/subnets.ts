import {
  cidr4,
  cidr4Contains,
  cidr4Overlaps,
  cidr4Size,
  formatCidr4,
  formatIpv4,
  ipv4FromNumber,
  tryParseCidr4,
  tryParseIpv4,
  type Cidr4,
} from '../../base/index.ts';
import type { IpamConfig, Network, Subnet } from '../../model/index.ts';

/** Longest prefix that leaves room for a gateway and an endpoint. */
export const SUBNET_BITS_MAX = 30;

export type SubnetDraft = Omit<Subnet, 'vni'>;

/** The subnet an operator described, or what is wrong with the description. */
export function parseSubnet(
  config: IpamConfig & { readonly Subnet: string },
): { readonly subnet: SubnetDraft } | { readonly problem: string } {
  const prefix = tryParseCidr4(config.Subnet);
  if (prefix === undefined || prefix.bits > SUBNET_BITS_MAX)
    return { problem: `ipam configuration: invalid subnet ${config.Subnet}` };
  const gateway = config.Gateway ? tryParseIpv4(config.Gateway) : firstHost(prefix);
  if (gateway === undefined)
    return { problem: `ipam configuration: invalid gateway ${config.Gateway ?? ''}` };
  const subnet = { prefix: formatCidr4(prefix), gateway: formatIpv4(gateway) };
  const lacks = `ipam configuration: subnet ${config.Subnet} does not contain`;
  if (!isHost(prefix, gateway)) return { problem: `${lacks} gateway ${subnet.gateway}` };
  if (!config.IPRange) return { subnet };
  const range = tryParseCidr4(config.IPRange);
  if (range === undefined)
    return { problem: `ipam configuration: invalid range ${config.IPRange}` };
  if (range.bits < prefix.bits || !cidr4Contains(prefix, range.base) || !hasHost(prefix, range))
    return { problem: `${lacks} range ${config.IPRange}` };
  return { subnet: { ...subnet, ipRange: formatCidr4(range) } };
}

/** A network that shares addresses with the prefix. */
export function findOverlap(
  prefix: Cidr4,
  networks: Iterable<Network>,
): { readonly network: Network; readonly subnet: Subnet } | undefined {
  for (const network of networks) {
    const subnet = network.subnets.find((other) => cidr4Overlaps(cidr4(other.prefix), prefix));
    if (subnet !== undefined) return { network, subnet };
  }
  return undefined;
}

/**
 * The lowest subnet of the pools that overlaps none in use; `undefined` when the pools are used up.
 */
export function cutSubnet(
  pools: readonly string[],
  bits: number,
  networks: Iterable<Network>,
): SubnetDraft | undefined {
  const used = usedRanges(networks);
  for (const text of pools) {
    const prefix = cutFrom(cidr4(text), bits, used);
    if (prefix !== undefined)
      return { prefix: formatCidr4(prefix), gateway: formatIpv4(firstHost(prefix)) };
  }
  return undefined;
}

interface AddressRange {
  readonly first: number;
  readonly end: number;
}

function usedRanges(networks: Iterable<Network>): readonly AddressRange[] {
  const ranges: AddressRange[] = [];
  for (const network of networks) {
    for (const { prefix } of network.subnets) {
      const { base, bits } = cidr4(prefix);
      ranges.push({ first: base, end: base + 2 ** (32 - bits) });
    }
  }
  return ranges.sort((one, other) => one.first - other.first);
}

/**
 * One pass over the used ranges, lowest first: each that is in the way moves the candidate behind
 * it.
 */
function cutFrom(pool: Cidr4, bits: number, used: readonly AddressRange[]): Cidr4 | undefined {
  const size = 2 ** (32 - bits);
  let candidate: number = pool.base;
  for (const { first, end } of used) {
    if (first >= candidate + size) break;
    if (end > candidate) candidate = Math.ceil(end / size) * size;
  }
  if (candidate + size > pool.base + cidr4Size(pool)) return undefined;
  return { base: ipv4FromNumber(candidate), bits };
}

function firstHost(prefix: Cidr4) {
  return ipv4FromNumber(prefix.base + 1);
}

function isHost(prefix: Cidr4, address: number): boolean {
  return address > prefix.base && address < prefix.base + cidr4Size(prefix) - 1;
}

function hasHost(prefix: Cidr4, range: Cidr4): boolean {
  const first = Math.max(prefix.base + 1, range.base);
  const last = Math.min(prefix.base + cidr4Size(prefix) - 2, range.base + cidr4Size(range) - 1);
  return first <= last;
}
