/**
 * IPv6 on `hawser_gw`. Its prefix never leaves the node, which masquerades it, so it is the same on
 * all: a unique local one (RFC 4193) with random bits of Hawser's own. Who has an IPv4 address on
 * the bridge has the IPv6 address that ends in it. Nobody asks for neighbours: each end has a row.
 */
import { addressAt, cidr, formatIp, ipv4, macOfIpv4 } from '../../base/index.ts';
import type { Task } from '../../model/index.ts';
import { address, sysctl } from '../make.ts';
import type { KernelObject, NeighbourObject, SysctlObject } from '../objects.ts';

export const GATEWAY_PREFIX6 = 'fdb4:6a57:e21c::/64';
const PREFIX = cidr(GATEWAY_PREFIX6);

/** The IPv6 address beside an IPv4 one on the bridge. */
export function gatewayAddress6(plain: string): string {
  return formatIp(addressAt(PREFIX, ipv4(plain)));
}

/** A task speaks IPv6 to the outside when a network of its does. */
export function hasIpv6Leg({ attachments }: Task): boolean {
  return attachments.some(({ address6 }) => address6 !== undefined);
}

/** The address beside `plain` on a link of the bridge's network. */
export function address6(link: string, plain: string): KernelObject[] {
  return [...linkSysctls6(link), address(link, gatewayAddress6(plain), PREFIX.bits)];
}

/** Where the neighbour with the IPv4 address `plain` is found, without asking. */
export function neighbour6(link: string, plain: string): NeighbourObject {
  const mac = macOfIpv4(ipv4(plain));
  return { kind: 'neighbour', link, address: gatewayAddress6(plain), mac };
}

/** A link whose IPv6 addresses are those that it is given, usable at once. */
export function linkSysctls6(link: string): SysctlObject[] {
  const place = `net/ipv6/conf/${link}`;
  return [
    sysctl(`${place}/accept_dad`, 0),
    sysctl(`${place}/accept_ra`, 0),
    sysctl(`${place}/accept_redirects`, 0),
    sysctl(`${place}/disable_ipv6`, 0),
  ];
}
