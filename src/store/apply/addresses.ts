import { addressAt, formatIp, tryParseIpv4, type IpFamily } from '../../base/index.ts';
import { addressesOf, type NetworkId, type VirtualIp } from '../../model/index.ts';
import type { Refusal } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { refuse } from './refuse.ts';

/** The network's next free addresses, one of each family that it has. */
export function takeAddresses(draft: Draft, networkId: NetworkId): VirtualIp | Refusal {
  const address = takeAddress(draft, networkId, 4);
  if (typeof address !== 'string') return address;
  if (draft.state.addresses.get(networkId)?.has(6) !== true) return { networkId, address };
  const address6 = takeAddress(draft, networkId, 6);
  if (typeof address6 === 'string') return { networkId, address, address6 };
  releaseAddresses(draft, { networkId, address });
  return address6;
}

/** The address of the first family that somebody chose, with the next free one of the other. */
export function claimAddresses(
  draft: Draft,
  networkId: NetworkId,
  address: string,
): VirtualIp | Refusal {
  const name = draft.state.networks.get(networkId)?.spec.Name ?? networkId;
  const addresses = draft.state.addresses.get(networkId);
  const held = tryParseIpv4(address) === undefined ? undefined : addresses?.poolOf(address);
  if (held === undefined) {
    const ranges = (addresses?.ranges ?? []).join(', ');
    return refuse('invalid', `address ${address} is not one that network ${name} gives: ${ranges}`);
  }
  if (held.pool.isUsed(held.place))
    return refuse('address-taken', `address ${address} is in use on network ${name}`);
  draft.claim(held.pool, held.place);
  if (addresses?.has(6) !== true) return { networkId, address };
  const address6 = takeAddress(draft, networkId, 6);
  if (typeof address6 === 'string') return { networkId, address, address6 };
  releaseAddresses(draft, { networkId, address });
  return address6;
}

/** Gives addresses back; nothing to do when their network is gone. */
export function releaseAddresses(draft: Draft, held: VirtualIp): void {
  for (const address of addressesOf(held)) {
    const place = draft.state.addresses.get(held.networkId)?.poolOf(address);
    if (place !== undefined) draft.release(place.pool, place.place);
  }
}

function takeAddress(draft: Draft, networkId: NetworkId, family: IpFamily): string | Refusal {
  const subnet = draft.state.addresses.get(networkId)?.next(family);
  const place = subnet && draft.take(subnet.pool);
  if (subnet !== undefined && place !== undefined) return formatIp(addressAt(subnet.range, place));
  const name = draft.state.networks.get(networkId)?.spec.Name ?? networkId;
  return refuse('exhausted', `no available IPv${family} addresses on network ${name}`);
}
