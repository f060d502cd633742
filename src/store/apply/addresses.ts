import type { NetworkId, VirtualIp } from '../../model/index.ts';
import { formatIpv4, ipv4FromNumber } from '../../base/index.ts';
import type { Refusal } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { refuse } from './refuse.ts';

/** The network's next free address. */
export function takeAddress(draft: Draft, networkId: NetworkId): VirtualIp | Refusal {
  const pool = draft.state.addresses.get(networkId)?.nextPool();
  const value = pool === undefined ? undefined : draft.take(pool);
  if (value !== undefined) return { networkId, address: formatIpv4(ipv4FromNumber(value)) };
  const name = draft.state.networks.get(networkId)?.spec.Name ?? networkId;
  return refuse('exhausted', `no available IPv4 addresses on network ${name}`);
}

/** Gives an address back; nothing to do when its network is gone. */
export function releaseAddress(draft: Draft, { networkId, address }: VirtualIp): void {
  const held = draft.state.addresses.get(networkId)?.poolOf(address);
  if (held !== undefined) draft.release(held.pool, held.value);
}
