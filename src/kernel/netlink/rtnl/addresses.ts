/** Hardware and network addresses in the forms that rtnetlink wants. */
import {
  familyOf,
  tryParseInterface,
  tryParseIp,
  tryParseMac,
  type Ip,
  type IpFamily,
  type Mac,
} from '../../../base/index.ts';
import { invalidArgument } from '../../kernel-error.ts';

export const AF_UNSPEC = 0;
const AF_INET = 2;
const AF_INET6 = 10;

/** The kernel's number for a family. */
export function familyNumber(family: IpFamily): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/** The kernel's number for the address's family. */
export function addressFamily(address: Ip): number {
  return familyNumber(familyOf(address));
}

/** The kernel's number, read back; `undefined` for families without IP addresses. */
export function ipFamily(number: number): IpFamily | undefined {
  if (number === AF_INET) return 4;
  return number === AF_INET6 ? 6 : undefined;
}

/** Six bytes. Throws `KernelError` for what is no MAC address. */
export function macBytes(mac: Mac): Uint8Array {
  if (tryParseMac(mac) === undefined) throw invalidArgument('mac', mac);
  const bytes = new Uint8Array(6);
  for (let at = 0; at < 6; at += 1)
    bytes[at] = hexDigit(mac.charCodeAt(at * 3)) * 16 + hexDigit(mac.charCodeAt(at * 3 + 1));
  return bytes;
}

/** The value of `0`-`9`, `a`-`f` or `A`-`F`. */
function hexDigit(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code & 0x1f) + 9;
}

/** Parses `address/n`, host bits allowed. Throws `KernelError`. */
export function prefixOf(text: string): { readonly address: Ip; readonly bits: number } {
  const prefix = tryParseInterface(text);
  if (prefix === undefined) throw invalidArgument('prefix', text);
  return prefix;
}

/** Throws `KernelError` for what is no address of either family. */
export function addressOf(text: string): Ip {
  const address = tryParseIp(text);
  if (address === undefined) throw invalidArgument('address', text);
  return address;
}
