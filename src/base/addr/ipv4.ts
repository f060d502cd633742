import type { Brand } from '../brand.ts';
import { assert } from '../assert.ts';

/** An IPv4 address as an unsigned 32-bit number. */
export type Ipv4 = Brand<number, 'Ipv4'>;

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
