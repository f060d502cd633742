import type { Brand } from '../brand.ts';
import { assert } from '../assert.ts';

/** An IPv4 address as an unsigned 32-bit number. */
export type Ipv4 = Brand<number, 'Ipv4'>;

/** An IPv4 prefix; host bits of `base` are zero. `0 <= bits <= 32`. */
export interface Cidr4 {
  readonly base: Ipv4;
  readonly bits: number;
}

/**
 * Parses dotted decimal strictly (four octets, no leading zeros); `undefined` when it is anything
 * else.
 */
export function tryParseIpv4(text: string): Ipv4 | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value as Ipv4;
}

/** Parses what is known to be an address; crashes otherwise. */
export function ipv4(text: string): Ipv4 {
  const value = tryParseIpv4(text);
  assert(value !== undefined, 'text is an IPv4 address', { text });
  return value;
}

/** Checks the range of a computed address. */
export function ipv4FromNumber(value: number): Ipv4 {
  assert(Number.isInteger(value) && value >= 0 && value < 2 ** 32, 'value is a u32', { value });
  return value as Ipv4;
}

export function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** Parses `a.b.c.d/n` with zero host bits; `undefined` when it is anything else. */
export function tryParseCidr4(text: string): Cidr4 | undefined {
  const prefix = tryParseInterface4(text);
  if (prefix === undefined || maskTo(prefix.address, prefix.bits) !== prefix.address)
    return undefined;
  return { base: prefix.address, bits: prefix.bits };
}

/** Parses `a.b.c.d/n` where host bits may be set, as interfaces have it. */
export function tryParseInterface4(text: string): { address: Ipv4; bits: number } | undefined {
  const match = /^([0-9.]+)\/(0|[1-9][0-9]?)$/.exec(text);
  if (!match) return undefined;
  const address = tryParseIpv4(match[1] as string);
  const bits = Number(match[2]);
  return address === undefined || bits > 32 ? undefined : { address, bits };
}

export function cidr4(text: string): Cidr4 {
  const value = tryParseCidr4(text);
  assert(value !== undefined, 'text is an IPv4 prefix', { text });
  return value;
}

export function formatCidr4(prefix: Cidr4): string {
  return `${formatIpv4(prefix.base)}/${prefix.bits}`;
}

/** How many addresses the prefix holds: `2^(32 - bits)`. */
export function cidr4Size(prefix: Cidr4): number {
  return 2 ** (32 - prefix.bits);
}

export function cidr4Contains(prefix: Cidr4, address: Ipv4): boolean {
  return maskTo(address, prefix.bits) === prefix.base;
}

export function cidr4Overlaps(one: Cidr4, other: Cidr4): boolean {
  const bits = Math.min(one.bits, other.bits);
  return maskTo(one.base, bits) === maskTo(other.base, bits);
}

/** The address with everything below the first `bits` bits cleared. */
export function maskTo(address: Ipv4, bits: number): Ipv4 {
  const size = 2 ** (32 - bits);
  return (Math.floor(address / size) * size) as Ipv4;
}
