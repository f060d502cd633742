import type { Brand } from '../brand.ts';
import type { Ipv4 } from './ipv4.ts';
import { formatIpv4 } from './ipv4.ts';

/** A MAC address as lower-case `aa:bb:cc:dd:ee:ff`, as iproute2 prints it. */
export type Mac = Brand<string, 'Mac'>;

export function tryParseMac(text: string): Mac | undefined {
  const lower = text.toLowerCase();
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(lower) ? (lower as Mac) : undefined;
}

/** Docker's rule for endpoints: `02:42` and the four bytes of the address. */
export function macOfIpv4(address: Ipv4): Mac {
  return `02:42:${formatIpv4(address).split('.').map(hexByte).join(':')}` as Mac;
}

/**
 * The MAC of a node's bridges: `02:48:57` ("HW"), a zero, and the node's index. Precondition: `0 <=
 * index < 2^16`.
 */
export function macOfNodeIndex(index: number): Mac {
  return `02:48:57:00:${hexByte(index >>> 8)}:${hexByte(index & 255)}` as Mac;
}

function hexByte(value: number | string): string {
  return Number(value).toString(16).padStart(2, '0');
}
