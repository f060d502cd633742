/** Ethernet frames made by hand, for what no socket of the kernel's would send. */
import { execFileSync } from 'node:child_process';
import { ip, bytesOfIp, type Mac } from '../../../../src/base/index.ts';
import { PacketSocket } from '../../../../src/kernel/raw-socket.ts';

export const BROADCAST = 'ff:ff:ff:ff:ff:ff' as Mac;
const TYPE_IPV4 = [0x08, 0x00];
const TYPE_ARP = [0x08, 0x06];
const ANY_TYPE = 3;
const UDP = 17;

export interface Between<Address> {
  readonly from: Address;
  readonly to: Address;
}

/** `tag`: the frame says that it is of that VLAN. */
export function frame(macs: Between<Mac>, body: readonly number[], tag?: number): Uint8Array {
  const vlan = tag === undefined ? [] : [0x81, 0x00, tag >> 8, tag & 255];
  return Uint8Array.from([...macBytes(macs.to), ...macBytes(macs.from), ...vlan, ...body]);
}

/** EtherType and an IPv4 packet with a UDP datagram without checksum. */
export function datagram(addresses: Between<string>, text: string): number[] {
  const payload = [...Buffer.from(text)];
  const udp = [...word(40_000), ...word(40_000), ...word(8 + payload.length), 0, 0, ...payload];
  const [from, to] = [addresses.from, addresses.to].map((each) => [...bytesOfIp(ip(each))]);
  const length = word(20 + udp.length);
  const bare = [0x45, 0, ...length, 0, 0, 0, 0, 64, UDP, 0, 0, ...(from ?? []), ...(to ?? [])];
  return [...TYPE_IPV4, ...bare.slice(0, 10), ...word(checksum(bare)), ...bare.slice(12), ...udp];
}

/** EtherType and an ARP message; `text` is what the padding says. */
export function arp(
  kind: 'request' | 'reply',
  sender: { readonly mac: Mac; readonly address: string },
  target: { readonly address: string; readonly text: string },
): number[] {
  const head = [0, 1, 8, 0, 6, 4, 0, kind === 'request' ? 1 : 2];
  const from = [...macBytes(sender.mac), ...bytesOfIp(ip(sender.address))];
  const to = [0, 0, 0, 0, 0, 0, ...bytesOfIp(ip(target.address))];
  return [...TYPE_ARP, ...head, ...from, ...to, ...Buffer.from(target.text)];
}

/** A packet socket on a link of a namespace, with what it has heard, as text. */
export class Ear {
  readonly socket: PacketSocket;
  private heard = '';

  constructor(namespacePath: string, link: string) {
    const shown = execFileSync('nsenter', [
      `--net=${namespacePath}`,
      'ip',
      '-j',
      'link',
      'show',
      link,
    ]);
    const [{ ifindex }] = JSON.parse(shown.toString()) as [{ ifindex: number }];
    this.socket = new PacketSocket({ namespacePath, link: ifindex, etherType: ANY_TYPE });
  }

  /** Whether a frame with the text has come in by now. */
  has(text: string): boolean {
    for (let next = this.socket.receive(); next !== undefined; next = this.socket.receive())
      this.heard += Buffer.from(next.bytes).toString('latin1');
    return this.heard.includes(text);
  }
}

function macBytes(mac: Mac): number[] {
  return mac.split(':').map((byte) => Number.parseInt(byte, 16));
}

function word(value: number): [number, number] {
  return [value >> 8, value & 255];
}

/** RFC 1071. */
function checksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
