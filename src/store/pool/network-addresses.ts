import {
  addressAt,
  cidr,
  cidrContains,
  familyOf,
  formatIp,
  ip,
  placeIn,
  type Cidr,
  type IpFamily,
} from '../../base/index.ts';
import type { Subnet } from '../../model/index.ts';
import { NumberPool } from './number-pool.ts';
import { hostPlaces } from './subnets.ts';

/** Addresses of one subnet, as places in `range`. */
export interface SubnetPool {
  readonly prefix: Cidr;
  /** What addresses are taken from: the subnet's IP range, or all of it. */
  readonly range: Cidr;
  readonly pool: NumberPool;
}

/**
 * Free and used addresses of one network: every subnet's hosts, or its IP range, without the
 * gateway and auxiliary addresses.
 */
export class NetworkAddresses {
  readonly subnets: readonly SubnetPool[];

  constructor(subnets: readonly Subnet[]) {
    this.subnets = subnets.map(subnetPool);
  }

  /** How many endpoints it still has addresses for: each takes one of every family. */
  get free(): number {
    const families = ([4, 6] as const).filter((family) => this.has(family));
    return Math.min(
      ...families.map((family) =>
        this.ofFamily(family).reduce((sum, { pool }) => sum + pool.free, 0),
      ),
    );
  }

  /** Pool that an address was taken from; `undefined` for one that lies outside all of them. */
  poolOf(address: string): { readonly pool: NumberPool; readonly place: number } | undefined {
    const value = ip(address);
    const subnet = this.subnets.find(({ prefix }) => cidrContains(prefix, value));
    const place = subnet && placeIn(subnet.range, value);
    return place !== undefined && subnet?.pool.covers(place)
      ? { pool: subnet.pool, place }
      : undefined;
  }

  /** Whether endpoints have an address of the family. */
  has(family: IpFamily): boolean {
    return this.ofFamily(family).length > 0;
  }

  /** Where to take the family's next address from: subnets are used up in their order. */
  next(family: IpFamily): SubnetPool | undefined {
    return this.ofFamily(family).find(({ pool }) => pool.free > 0);
  }

  /** What IPv4 addresses are given from, subnet by subnet: `first-last`. */
  get ranges(): readonly string[] {
    return this.ofFamily(4).map(({ range, pool }) =>
      [pool.first, pool.last].map((place) => formatIp(addressAt(range, place))).join('-'),
    );
  }

  get cursors(): readonly string[] {
    return this.subnets.map(({ range, pool }) => formatIp(addressAt(range, pool.cursor)));
  }

  private ofFamily(family: IpFamily): readonly SubnetPool[] {
    return this.subnets.filter(({ prefix }) => familyOf(prefix.base) === family);
  }
}

function subnetPool(subnet: Subnet): SubnetPool {
  const prefix = cidr(subnet.prefix);
  const range = subnet.ipRange === undefined ? prefix : cidr(subnet.ipRange);
  const { first, last } = hostPlaces(prefix, range);
  const pool = new NumberPool(first, last);
  for (const address of [subnet.gateway, ...Object.values(subnet.auxiliary ?? {})]) {
    const place = placeIn(range, ip(address));
    if (place !== undefined && pool.covers(place)) pool.claim(place);
  }
  return { prefix, range, pool };
}
