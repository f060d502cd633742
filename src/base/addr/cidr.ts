/** Prefixes of both families. */
import { assert } from '../assert.ts';
import { ADDRESS_BITS, familyOf, formatIp, ipv6FromNumber, tryParseIp, type Ip } from './ip.ts';
import { ipv4FromNumber } from './ipv4.ts';

/** A prefix; host bits of `base` are zero. `0 <= bits <= ADDRESS_BITS` of its family. */
export interface Cidr {
  readonly base: Ip;
  readonly bits: number;
}

/** Parses `address/n` with zero host bits; `undefined` when it is anything else. */
export function tryParseCidr(text: string): Cidr | undefined {
  const found = tryParseInterface(text);
  if (found === undefined || maskTo(found.address, found.bits) !== found.address) return undefined;
  return { base: found.address, bits: found.bits };
}

/** Parses `address/n` where host bits may be set, as interfaces have it. */
export function tryParseInterface(text: string): { address: Ip; bits: number } | undefined {
  const match = /^([0-9a-f.:]+)\/(0|[1-9][0-9]{0,2})$/i.exec(text);
  const address = tryParseIp(match?.[1] ?? '');
  const bits = Number(match?.[2]);
  if (address === undefined || bits > ADDRESS_BITS[familyOf(address)]) return undefined;
  return { address, bits };
}

/** Parses what is known to be a prefix; crashes otherwise. */
export function cidr(text: string): Cidr {
  const value = tryParseCidr(text);
  assert(value !== undefined, 'text is an IP prefix', { text });
  return value;
}

export function formatCidr(prefix: Cidr): string {
  return `${formatIp(prefix.base)}/${prefix.bits}`;
}

/** How many addresses the prefix holds; exact up to 2^53, and a power of two beyond. */
export function cidrSize(prefix: Cidr): number {
  return 2 ** (ADDRESS_BITS[familyOf(prefix.base)] - prefix.bits);
}

/** False for an address of the other family. */
export function cidrContains(prefix: Cidr, address: Ip): boolean {
  return (
    familyOf(prefix.base) === familyOf(address) && maskTo(address, prefix.bits) === prefix.base
  );
}

/** False for prefixes of different families. */
export function cidrOverlaps(one: Cidr, other: Cidr): boolean {
  if (familyOf(one.base) !== familyOf(other.base)) return false;
  const bits = Math.min(one.bits, other.bits);
  return maskTo(one.base, bits) === maskTo(other.base, bits);
}

/** The address with everything below the first `bits` bits cleared. */
export function maskTo(address: Ip, bits: number): Ip {
  if (typeof address === 'bigint') {
    const hostBits = BigInt(128 - bits);
    return ipv6FromNumber((address >> hostBits) << hostBits);
  }
  const size = 2 ** (32 - bits);
  return ipv4FromNumber(Math.floor(address / size) * size);
}

/** The address `place` numbers after the prefix's first. Precondition: it lies in the family. */
export function addressAt(prefix: Cidr, place: number): Ip {
  return typeof prefix.base === 'number'
    ? ipv4FromNumber(prefix.base + place)
    : ipv6FromNumber(prefix.base + BigInt(place));
}

/**
 * Undoes `addressAt`; `undefined` for an address outside of the prefix, or so far inside that no
 * number counts it.
 */
export function placeIn(prefix: Cidr, address: Ip): number | undefined {
  if (!cidrContains(prefix, address)) return undefined;
  const place = Number(BigInt(address) - BigInt(prefix.base));
  return Number.isSafeInteger(place) ? place : undefined;
}
