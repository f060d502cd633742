/**
 * A network's names as the native engine holds them: one block of bytes, little-endian, that is
 * checked once when it arrives and searched in place.
 *
 *   header  u32 magic "HDT" and version | u32 bytes | u32 slots | u32 flags | u32 ttl
 *           u32 offset of the network's own name: u8 length, key; 0: nobody can ask for it
 *   slots   (u32 hash, u32 offset of the entry; 0: free), a power of two of them, at most half of
 *           them in use, searched from `hash & (slots - 1)` on
 *   entry   at a multiple of 4: u16 key length, u16 number of sets, key, padding to 4
 *   set     u16 type, u16 stride, u32 count; count records of `stride` bytes: u16 length, data
 *
 * A key is a name's labels as in a message, lower case, without the final zero; or a zero and the
 * bytes of an address, whose entry holds its PTR record. The hash is FNV-1a over the key. Records
 * hold data as a reply has it, so that the engine copies and never converts.
 */
import { assert, bytesOfIp, familyOf, type Ip } from '../../base/index.ts';
import type { Names, NetworkNames } from '../names/names.ts';
import { addressData } from '../names/resolve.ts';
import { RecordType, type RecordData } from '../wire/message.ts';
import { WireWriter, wireKey } from '../wire/writer.ts';

/** Of tables and of the flags of askers. */
export const TABLE_VERSION = 1;

const MAGIC = 0x54_44_48_00 | TABLE_VERSION;
const HEADER_BYTES = 24;
const SLOT_BYTES = 8;
const SLOTS_MIN = 8;
const FLAG_INGRESS = 1;
const RECORDS_MAX = 0xff_ff_ff;

interface Entry {
  readonly key: Uint8Array;
  readonly sets: ReadonlyMap<number, readonly RecordData[]>;
}

/** The table of one network; `ttlSeconds` is that of all its records. */
export function encodeNetworkTable(network: NetworkNames, ttlSeconds: number): Uint8Array {
  return new TableWriter(entriesOf(network), network, ttlSeconds).finish();
}

export interface AskerFlags {
  /** As `Asker.hasNdots`. */
  readonly hasNdots: boolean;
  readonly mode: Names['mode'];
}

/** What an answer depends on beside the tables, in one byte. */
export function encodeAsker({ hasNdots, mode }: AskerFlags): number {
  return (hasNdots ? 1 : 0) | (mode === 'compatible' ? 0 : 2);
}

function entriesOf(network: NetworkNames): Entry[] {
  const entries: Entry[] = [];
  for (const [name, addresses] of network.table.addresses) {
    const key = wireKey(name);
    if (key === undefined) continue;
    entries.push({ key, sets: addressSets(addresses) });
  }
  for (const address of network.table.reverse.keys()) {
    const target = network.nameOf(address);
    if (target === undefined) continue;
    const key = Uint8Array.of(0, ...bytesOfIp(address));
    entries.push({ key, sets: new Map([[RecordType.PTR, [{ kind: 'PTR', target }]]]) });
  }
  return entries;
}

/** Records of a name by their type; none of a family that it has no address of. */
function addressSets(addresses: readonly Ip[]): ReadonlyMap<number, readonly RecordData[]> {
  const sets = new Map<number, RecordData[]>();
  for (const address of addresses) {
    const type = familyOf(address) === 4 ? RecordType.A : RecordType.AAAA;
    const data = sets.get(type) ?? [];
    data.push(addressData(address));
    sets.set(type, data);
  }
  return sets;
}

class TableWriter {
  private readonly slots: number;
  private bytes: Uint8Array;
  private view: DataView;
  private end: number;

  constructor(entries: readonly Entry[], network: NetworkNames, ttlSeconds: number) {
    this.slots = slotsFor(entries.length);
    this.end = HEADER_BYTES + this.slots * SLOT_BYTES;
    this.bytes = new Uint8Array(this.end + entries.length * 48 + 256);
    this.view = new DataView(this.bytes.buffer);
    this.header(network, ttlSeconds);
    for (const entry of entries) this.entry(entry);
  }

  finish(): Uint8Array {
    this.view.setUint32(4, this.end, true);
    return this.bytes.subarray(0, this.end);
  }

  private header(network: NetworkNames, ttlSeconds: number): void {
    const own = wireKey(network.name);
    this.view.setUint32(0, MAGIC, true);
    this.view.setUint32(8, this.slots, true);
    this.view.setUint32(12, network.isIngress ? FLAG_INGRESS : 0, true);
    this.view.setUint32(16, ttlSeconds, true);
    if (own === undefined) return;
    const at = this.reserve(1 + own.length);
    this.view.setUint32(20, at, true);
    this.bytes[at] = own.length;
    this.bytes.set(own, at + 1);
    this.align();
  }

  private entry({ key, sets }: Entry): void {
    const at = this.reserve(4 + key.length);
    this.view.setUint16(at, key.length, true);
    this.view.setUint16(at + 2, sets.size, true);
    this.bytes.set(key, at + 4);
    this.align();
    for (const [type, records] of sets) this.set(type, records);
    this.point(hashOf(key), at);
  }

  private set(type: number, records: readonly RecordData[]): void {
    assert(records.length <= RECORDS_MAX, 'a name has less than 2^24 records');
    const data = records.map(dataBytes);
    const stride = 2 + data.reduce((longest, one) => Math.max(longest, one.length), 0);
    const at = this.reserve(8 + stride * data.length);
    this.view.setUint16(at, type, true);
    this.view.setUint16(at + 2, stride, true);
    this.view.setUint32(at + 4, data.length, true);
    data.forEach((one, index) => {
      const record = at + 8 + index * stride;
      this.view.setUint16(record, one.length, true);
      this.bytes.set(one, record + 2);
    });
    this.align();
  }

  private point(hash: number, entry: number): void {
    let slot = hash & (this.slots - 1);
    while (this.view.getUint32(HEADER_BYTES + slot * SLOT_BYTES + 4, true) !== 0) {
      slot = (slot + 1) & (this.slots - 1);
    }
    this.view.setUint32(HEADER_BYTES + slot * SLOT_BYTES, hash, true);
    this.view.setUint32(HEADER_BYTES + slot * SLOT_BYTES + 4, entry, true);
  }

  private align(): void {
    this.reserve(-this.end & 3);
  }

  private reserve(size: number): number {
    const start = this.end;
    this.end += size;
    if (this.end > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.end));
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return start;
  }
}

function slotsFor(entries: number): number {
  let slots = SLOTS_MIN;
  while (slots < entries * 2) slots *= 2;
  return slots;
}

function dataBytes(data: RecordData): Uint8Array {
  if (data.kind === 'A') return bytesOfIp(data.address);
  const writer = new WireWriter();
  switch (data.kind) {
    case 'AAAA':
      return data.address;
    case 'PTR':
      writer.plainName(data.target);
      break;
    case 'SRV':
      writer.u16(data.priority);
      writer.u16(data.weight);
      writer.u16(data.port);
      writer.plainName(data.target);
      break;
    case 'other':
      return data.bytes;
  }
  return writer.finish();
}

/** FNV-1a, 32 bits. */
function hashOf(key: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
