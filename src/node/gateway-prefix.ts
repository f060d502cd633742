/** Chooses the prefix of `hawser_gw`: the first local pool that no route of the host covers. */
import { cidr4, cidr4Overlaps, formatCidr4, maskTo, type Cidr4, type Ipv4 } from '../base/index.ts';
import { NodeError } from './errors.ts';

/** Docker's local pools, in its order, without the first one that docker0 uses. */
const LOCAL_POOLS: readonly Cidr4[] = [
  ...range(18, 31).map((second) => cidr4(`172.${second}.0.0/16`)),
  ...range(0, 15).map((index) => cidr4(`192.168.${index * 16}.0/20`)),
];

/** Returns `a.b.c.d/n`. Throws `NodeError` `no-gateway-prefix` when every pool is in use. */
export function chooseGatewayPrefix(routes: readonly Cidr4[]): string {
  const specific = routes.filter((route) => route.bits > 0);
  const free = LOCAL_POOLS.find((pool) => !specific.some((route) => cidr4Overlaps(pool, route)));
  if (free === undefined) {
    throw new NodeError(
      { code: 'no-gateway-prefix' },
      'no local address pool is free for hawser_gw: every one of 172.18.0.0/16 to ' +
        '192.168.240.0/20 has a route; ' +
        'set --gateway-prefix to a prefix that this host does not use',
    );
  }
  return formatCidr4(free);
}

/** Prefixes in the text of /proc/net/route: addresses are little-endian hexadecimal. */
export function parseProcRoutes(text: string): Cidr4[] {
  const routes: Cidr4[] = [];
  for (const line of text.split('\n').slice(1)) {
    const fields = line.split('\t');
    const destination = fields[1];
    const mask = fields[7];
    if (destination === undefined || mask === undefined) continue;
    const bits = countBits(swapBytes(Number.parseInt(mask, 16)));
    routes.push({ base: maskTo(swapBytes(Number.parseInt(destination, 16)) as Ipv4, bits), bits });
  }
  return routes;
}

function swapBytes(value: number): number {
  const swapped =
    ((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
  return swapped >>> 0;
}

function countBits(value: number): number {
  let count = 0;
  for (let rest = value; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count += 1;
  return count;
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
