/**
 * Addresses of both families under one type: an IPv4 address is a number, an IPv6 address a bigint,
 * so the family of a value is its JavaScript type, and what computes with IPv4 alone stays on small
 * numbers.
 */
import { assert } from '../assert.ts';
import type { Brand } from '../brand.ts';
import { formatIpv4, ipv4FromNumber, tryParseIpv4, type Ipv4 } from './ipv4.ts';

/** An IPv6 address as an unsigned 128-bit number. */
export type Ipv6 = Brand<bigint, 'Ipv6'>;

export type Ip = Ipv4 | Ipv6;

export type IpFamily = 4 | 6;

/** Bits of an address. */
export const ADDRESS_BITS: Readonly<Record<IpFamily, number>> = { 4: 32, 6: 128 };

const GROUPS = 8;
const GROUP_BITS = 16n;
const GROUP_MASK = 0xffffn;
const IPV4_BYTES = 4;
const IPV6_BYTES = 16;

export function familyOf(address: Ip): IpFamily {
  return typeof address === 'number' ? 4 : 6;
}

/** The family that an address's or prefix's text is of, if it is one. */
export function familyOfText(text: string): IpFamily {
  return text.includes(':') ? 6 : 4;
}

/**
 * Parses dotted decimal, or IPv6 as RFC 4291 §2.2 has it, without a zone; `undefined` when it is
 * neither.
 */
export function tryParseIp(text: string): Ip | undefined {
  return familyOfText(text) === 6 ? tryParseIpv6(text) : tryParseIpv4(text);
}

/** Parses what is known to be an address; crashes otherwise. */
export function ip(text: string): Ip {
  const value = tryParseIp(text);
  assert(value !== undefined, 'text is an IP address', { text });
  return value;
}

/** Checks the range of a computed address. */
export function ipv6FromNumber(value: bigint): Ipv6 {
  assert(value >= 0n && value < 1n << 128n, 'value is a u128', { value: String(value) });
  return value as Ipv6;
}

export function formatIp(address: Ip): string {
  return typeof address === 'number' ? formatIpv4(address) : formatIpv6(address);
}

/** 4 or 16 bytes in network order. */
export function bytesOfIp(address: Ip): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BITS[familyOf(address)] / 8);
  const view = new DataView(bytes.buffer);
  if (typeof address === 'number') view.setUint32(0, address);
  else {
    view.setBigUint64(0, address >> 64n);
    view.setBigUint64(8, address & 0xffff_ffff_ffff_ffffn);
  }
  return bytes;
}

/** The address that 4 or 16 bytes are; `undefined` for any other length. */
export function tryIpOfBytes(bytes: Uint8Array): Ip | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === IPV4_BYTES) return ipv4FromNumber(view.getUint32(0));
  if (bytes.length !== IPV6_BYTES) return undefined;
  return ((view.getBigUint64(0) << 64n) | view.getBigUint64(8)) as Ipv6;
}

function tryParseIpv6(text: string): Ipv6 | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => groupsOf(half, half === halves.at(-1)));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  if (tail === undefined) return head.length === GROUPS ? join(head) : undefined;
  const missing = GROUPS - head.length - tail.length;
  if (missing < 1) return undefined;
  return join([...head, ...new Array<number>(missing).fill(0), ...tail]);
}

/** Groups of one side of `::`; the last two may be written as an IPv4 address. */
function groupsOf(text: string, isLast: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [at, part] of parts.entries()) {
    const embedded = isLast && at === parts.length - 1 ? tryParseIpv4(part) : undefined;
    if (embedded !== undefined) groups.push(embedded >>> 16, embedded & 0xffff);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups.length <= GROUPS ? groups : undefined;
}

function join(groups: readonly number[]): Ipv6 {
  return groups.reduce((value, group) => (value << GROUP_BITS) | BigInt(group), 0n) as Ipv6;
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zeros as `::`. */
function formatIpv6(address: Ipv6): string {
  const groups: number[] = [];
  for (let at = GROUPS - 1; at >= 0; at -= 1)
    groups.push(Number((address >> (GROUP_BITS * BigInt(at))) & GROUP_MASK));
  const { start, length } = longestZeros(groups);
  const text = (some: readonly number[]): string =>
    some.map((group) => group.toString(16)).join(':');
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [at, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: at - length + 1, length };
  }
  return best;
}
