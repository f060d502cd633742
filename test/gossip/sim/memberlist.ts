/**
 * What hashicorp/memberlist would send, computed from its own formulas and structures: LAN defaults
 * of config.go (probe interval 1 s, gossip interval 200 ms to 3 nodes, push/pull interval 30 s),
 * pushPullScale of util.go, the structures of net.go as MessagePack maps with their field names,
 * encryption version 1 (29 bytes), the checksum of protocol 5 (5 bytes), LZW of compress/lzw.
 */
import { SeededRng, randomBelow, randomId } from '../../../src/base/index.ts';
import { SEGMENT_BYTES, SEGMENT_HEADER_BYTES, CONNECTION_SEGMENTS } from './streams.ts';
import { DATAGRAM_HEADER_BYTES, SEAL_BYTES } from './world.ts';

const PROBE_INTERVAL_S = 1;
const PUSH_PULL_INTERVAL_S = 30;
const CRC_BYTES = 5;
const TYPE_BYTES = 1;

type Value = string | number | undefined | Uint8Array;

/** As go-msgpack writes a structure: a map of names and values. */
function packed(fields: Readonly<Record<string, Value>>): number[] {
  const bytes: number[] = [0x80 | Object.keys(fields).length];
  for (const [name, value] of Object.entries(fields))
    bytes.push(...packedText(name), ...packedValue(value));
  return bytes;
}

function packedValue(value: Value): number[] {
  if (value === undefined) return [0xc0];
  if (typeof value === 'string') return packedText(value);
  if (value instanceof Uint8Array) return [0xa0 | value.length, ...value];
  if (value < 128) return [value];
  if (value < 65_536) return [0xcd, value >> 8, value & 255];
  return [0xce, (value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function packedText(text: string): number[] {
  return [0xa0 | text.length, ...Buffer.from(text)];
}

function datagramBytes(message: readonly number[]): number {
  return TYPE_BYTES + message.length + CRC_BYTES + SEAL_BYTES + DATAGRAM_HEADER_BYTES;
}

function segmentBytes(bytes: number): number {
  return bytes + Math.ceil(bytes / SEGMENT_BYTES) * SEGMENT_HEADER_BYTES;
}

/** Bytes that one node sends in a second when nothing happens, headers of IP, UDP and TCP too. */
export function memberlistIdle(members: number): { probes: number; pushPull: number } {
  const rng = new SeededRng(1);
  const id = (): string => randomId(rng);
  const sequence = 100_000;
  const ping = packed({
    SeqNo: sequence,
    Node: id(),
    SourceAddr: new Uint8Array(4),
    SourcePort: 7946,
    SourceNode: id(),
  });
  const ack = packed({ SeqNo: sequence, Payload: undefined });
  const probes = (datagramBytes(ping) + datagramBytes(ack)) / PROBE_INTERVAL_S;
  const state: number[] = [...packed({ Nodes: members, UserStateLen: 0, Join: 0 })];
  for (let member = 0; member < members; member += 1) {
    const address = new Uint8Array([10, 1, randomBelow(rng, 4), randomBelow(rng, 256)]);
    const about = { Name: id(), Addr: address, Port: 7946, Meta: undefined, Incarnation: 1 };
    const versions = new Uint8Array([1, 5, 2, 0, 0, 0]);
    for (const byte of packed({ ...about, State: 0, Vsn: versions })) state.push(byte);
  }
  // A type, a length of 4 bytes and the seal around the compressed state.
  const side = segmentBytes(lzwBytes(state) + 5 + SEAL_BYTES) + connectionBytes();
  // Each node opens one push/pull in an interval, and answers one on average.
  return { probes, pushPull: (2 * side) / (PUSH_PULL_INTERVAL_S * pushPullScale(members)) };
}

function connectionBytes(): number {
  return CONNECTION_SEGMENTS * SEGMENT_HEADER_BYTES;
}

function pushPullScale(members: number): number {
  return members <= 32 ? 1 : Math.ceil(Math.log2(members) - Math.log2(32)) + 1;
}

/** The length of what compress/lzw makes of `input` (codes of 9 to 12 bits), and of its wrapper. */
function lzwBytes(input: readonly number[]): number {
  const wrapper = packed({ Algo: 0, Buf: undefined }).length + 4;
  let codes = new Set<string>();
  let next = 258;
  let bits = 9;
  let prefix = '';
  for (const byte of input) {
    const longer = `${prefix},${byte}`;
    if (prefix === '' || codes.has(longer)) {
      prefix = longer;
      continue;
    }
    bits += widthOf(next);
    codes.add(longer);
    next += 1;
    if (next > 4095) {
      bits += 12;
      codes = new Set();
      next = 258;
    }
    prefix = `,${byte}`;
  }
  return wrapper + Math.ceil((bits + 2 * 12) / 8);
}

function widthOf(code: number): number {
  return Math.max(9, Math.ceil(Math.log2(code + 1)));
}
