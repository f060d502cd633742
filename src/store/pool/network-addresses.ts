import {
  cidr4,
  cidr4Contains,
  cidr4Size,
  formatIpv4,
  ipv4,
  ipv4FromNumber,
  type Cidr4,
} from '../../base/index.ts';
import type { Subnet } from '../../model/index.ts';
import { NumberPool } from './number-pool.ts';

interface SubnetPool {
  readonly prefix: Cidr4;
  readonly pool: NumberPool;
}

/**
 * Free and used addresses of one network: every subnet's hosts, or its IP range, without the
 * gateway.
 */
export class NetworkAddresses {
  readonly subnets: readonly SubnetPool[];

  constructor(subnets: readonly Subnet[]) {
    this.subnets = subnets.map(subnetPool);
  }

  get free(): number {
    return this.subnets.reduce((sum, { pool }) => sum + pool.free, 0);
  }

  /** Pool that an address was taken from; `undefined` for one that lies outside all of them. */
  poolOf(address: string): { readonly pool: NumberPool; readonly value: number } | undefined {
    const value = ipv4(address);
    const subnet = this.subnets.find(({ prefix }) => cidr4Contains(prefix, value));
    return subnet?.pool.covers(value) ? { pool: subnet.pool, value } : undefined;
  }

  /** The pool to take the next address from: subnets are used up in their order. */
  nextPool(): NumberPool | undefined {
    return this.subnets.find(({ pool }) => pool.free > 0)?.pool;
  }

  get cursors(): readonly string[] {
    return this.subnets.map(({ pool }) => formatIpv4(ipv4FromNumber(pool.cursor)));
  }
}

function subnetPool(subnet: Subnet): SubnetPool {
  const prefix = cidr4(subnet.prefix);
  const range = subnet.ipRange === undefined ? prefix : cidr4(subnet.ipRange);
  const first = Math.max(prefix.base + 1, range.base);
  const last = Math.min(prefix.base + cidr4Size(prefix) - 2, range.base + cidr4Size(range) - 1);
  const pool = new NumberPool(first, last);
  const gateway = ipv4(subnet.gateway);
  if (pool.covers(gateway)) pool.claim(gateway);
  return { prefix, pool };
}
