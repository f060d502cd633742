/** Hardware and network addresses in the forms that rtnetlink wants. */
import {
  tryParseInterface4,
  tryParseIpv4,
  tryParseMac,
  type Ipv4,
  type Mac,
} from '../../../base/index.ts';
import { invalidArgument } from '../../kernel-error.ts';

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

/** Parses `a.b.c.d/n`, host bits allowed. Throws `KernelError`. */
export function prefixOf(text: string): { readonly address: Ipv4; readonly bits: number } {
  const prefix = tryParseInterface4(text);
  if (prefix === undefined) throw invalidArgument('prefix', text);
  return prefix;
}

/** Parses `a.b.c.d`. Throws `KernelError`. */
export function addressOf(text: string): Ipv4 {
  const address = tryParseIpv4(text);
  if (address === undefined) throw invalidArgument('address', text);
  return address;
}
