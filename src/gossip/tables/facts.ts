/**
 * The facts that nodes gossip, as rows: where an endpoint is and whether it takes connections, and
 * which revision of the cluster's state a node's data plane follows. All of them can be derived
 * anew by their owner.
 *
 *   value     version u8, 1 | fields
 *   field     tag u8 | length u16 | bytes
 *   address   prefix length u8, 255 for none | text; other texts as in `wire/encode.ts`
 *
 * Unknown tags are stepped over, so a release may add fields; one that older releases must not
 * overlook takes another kind of row.
 */
import { tryParseMac, type Mac } from '../../base/index.ts';
import type { Revision, ServiceId, TaskId } from '../../model/index.ts';
import { GossipError, rangeError } from '../errors.ts';
import { ByteReader, ByteWriter } from '../wire/bytes.ts';
import type { RowKind } from './rows/row.ts';
import { readRecord, writeRecord } from './wire/fields.ts';

/** Kinds of rows on the wire. Numbers are never used again for something else. */
export const FACT_KINDS = { endpoint: 1 as RowKind, acknowledged: 2 as RowKind } as const;

export interface FactAddress {
  /** IPv4 or IPv6 in its canonical text, without a zone. */
  readonly address: string;
  /** Length of the subnet's prefix, 0 to 128, when it is not that of the network. */
  readonly prefixBits?: number;
}

/** A task's endpoint on the row's network. Its key is the task's id. */
export interface EndpointFact {
  readonly kind: 'endpoint';
  /** 1 to 4. */
  readonly addresses: readonly FactAddress[];
  readonly mac: Mac;
  /** Where frames for it are sent: the owner's address in the underlay. */
  readonly vtep: string;
  readonly taskId: TaskId;
  readonly serviceId: ServiceId;
  /** `draining`: connections that it has go on, new ones go elsewhere. */
  readonly state: 'ready' | 'draining';
}

/** The owner's data plane of the row's network follows everything up to `revision`. */
export interface AcknowledgedFact {
  readonly kind: 'acknowledged';
  readonly revision: Revision;
}

export type Fact = EndpointFact | AcknowledgedFact;

const VERSION = 1;
const TAGS = { address: 1, mac: 2, vtep: 3, taskId: 4, serviceId: 5, state: 6, revision: 7 };
const STATES = ['ready', 'draining'] as const;
const ADDRESSES_MAX = 4;
const ADDRESS_CHARACTERS_MAX = 45;
const ID_CHARACTERS_MAX = 64;
const PREFIX_BITS_MAX = 128;
const MAC_BYTES = 6;
/** For an address without a prefix length of its own. */
const NO_PREFIX = 255;
const ACKNOWLEDGED_KEY = 'data-plane';

/** What a fact's row is called, beside its network. */
export function factKey(fact: Fact): { readonly kind: RowKind; readonly key: string } {
  const key = fact.kind === 'endpoint' ? fact.taskId : ACKNOWLEDGED_KEY;
  return { kind: FACT_KINDS[fact.kind], key };
}

/** At most 512 bytes. Throws `GossipError` for fields out of range. */
export function encodeFact(fact: Fact): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(VERSION);
  if (fact.kind === 'endpoint') writeEndpoint(writer, fact);
  else writeField(writer, TAGS.revision, () => writeRevision(writer, fact.revision));
  return writer.take();
}

/**
 * The fact in a row's value; `undefined` for kinds of rows that a later release knows. Throws
 * `GossipError`.
 */
export function decodeFact(kind: RowKind, value: Uint8Array): Fact | undefined {
  if (kind === FACT_KINDS.endpoint) return readEndpoint(readFields(value));
  if (kind === FACT_KINDS.acknowledged) return readAcknowledged(readFields(value));
  return undefined;
}

function writeEndpoint(writer: ByteWriter, fact: EndpointFact): void {
  if (fact.addresses.length < 1 || fact.addresses.length > ADDRESSES_MAX)
    throw rangeError('addresses');
  for (const { address, prefixBits } of fact.addresses)
    writeField(writer, TAGS.address, () => {
      if (prefixBits !== undefined && !(prefixBits >= 0 && prefixBits <= PREFIX_BITS_MAX))
        throw rangeError('prefix');
      writer.u8(prefixBits ?? NO_PREFIX);
      writer.text(checkedAddress(address));
    });
  writeField(writer, TAGS.mac, () => {
    for (const byte of fact.mac.split(':')) writer.u8(Number.parseInt(byte, 16));
  });
  writeField(writer, TAGS.vtep, () => writer.text(checkedAddress(fact.vtep)));
  writeField(writer, TAGS.taskId, () => writer.text(checkedId(fact.taskId)));
  writeField(writer, TAGS.serviceId, () => writer.text(checkedId(fact.serviceId)));
  writeField(writer, TAGS.state, () => writer.u8(STATES.indexOf(fact.state)));
}

function writeField(writer: ByteWriter, tag: number, write: () => void): void {
  writer.u8(tag);
  writeRecord(writer, write);
}

function writeRevision(writer: ByteWriter, revision: Revision): void {
  if (!Number.isSafeInteger(revision) || revision < 0) throw rangeError('revision');
  writer.u32(Math.floor(revision / 2 ** 32));
  writer.u32(revision % 2 ** 32);
}

/** Fields by tag, each as often as it stands there. */
type Fields = ReadonlyMap<number, readonly ByteReader[]>;

function readFields(value: Uint8Array): Fields {
  const reader = new ByteReader(value);
  const version = reader.u8();
  if (version !== VERSION)
    throw new GossipError({ code: 'version', version }, `a fact of version ${version}`);
  const fields = new Map<number, ByteReader[]>();
  while (reader.remaining > 0) {
    const tag = reader.u8();
    const same = fields.get(tag);
    const field = readRecord(reader);
    if (same === undefined) fields.set(tag, [field]);
    else same.push(field);
  }
  return fields;
}

function readEndpoint(fields: Fields): EndpointFact {
  const addresses = (fields.get(TAGS.address) ?? []).map(readAddress);
  if (addresses.length < 1 || addresses.length > ADDRESSES_MAX) throw rangeError('addresses');
  const state = STATES[only(fields, 'state').u8()];
  if (state === undefined) throw rangeError('state');
  return {
    kind: 'endpoint',
    addresses,
    mac: readMac(only(fields, 'mac')),
    vtep: readAddressText(only(fields, 'vtep')),
    taskId: only(fields, 'taskId').text(ID_CHARACTERS_MAX, 'taskId') as TaskId,
    serviceId: only(fields, 'serviceId').text(ID_CHARACTERS_MAX, 'serviceId') as ServiceId,
    state,
  };
}

function readAcknowledged(fields: Fields): AcknowledgedFact {
  const reader = only(fields, 'revision');
  const revision = reader.u32() * 2 ** 32 + reader.u32();
  if (!Number.isSafeInteger(revision)) throw rangeError('revision');
  return { kind: 'acknowledged', revision: revision as Revision };
}

function only(fields: Fields, name: keyof typeof TAGS): ByteReader {
  const [reader, ...others] = fields.get(TAGS[name]) ?? [];
  if (reader === undefined || others.length > 0) throw rangeError(name);
  return reader;
}

function readAddress(reader: ByteReader): FactAddress {
  const prefixBits = reader.u8();
  const address = readAddressText(reader);
  if (prefixBits === NO_PREFIX) return { address };
  if (prefixBits > PREFIX_BITS_MAX) throw rangeError('prefix');
  return { address, prefixBits };
}

function readAddressText(reader: ByteReader): string {
  return checkedAddress(reader.text(ADDRESS_CHARACTERS_MAX, 'address'));
}

function readMac(reader: ByteReader): Mac {
  const bytes = [...reader.raw(MAC_BYTES)];
  const mac = tryParseMac(bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':'));
  if (mac === undefined) throw rangeError('mac');
  return mac;
}

/** Keeps out what can be no address at all; whether it is one of the network's, readers know. */
function checkedAddress(text: string): string {
  if (!/^[0-9a-f:.]{2,45}$/.test(text)) throw rangeError('address');
  return text;
}

function checkedId(id: string): string {
  if (!/^[!-~]{1,64}$/.test(id)) throw rangeError('id');
  return id;
}
