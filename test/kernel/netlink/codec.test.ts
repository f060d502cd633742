import test from 'ava';
import fc from 'fast-check';
import {
  Attributes,
  extendedAckText,
  KernelError,
  MessageWriter,
  readAddress,
  readFdb,
  readLink,
  readMessages,
  readNeighbour,
  readRoute,
  readRule,
  type NetlinkMessage,
} from '../../../src/kernel/netlink/index.ts';
import { isWrittenNeighbour } from '../../../src/kernel/netlink/rtnl/neighbour.ts';

type Field =
  | { readonly kind: 'u8' | 'u16' | 'u32'; readonly type: number; readonly value: number }
  | { readonly kind: 'string'; readonly type: number; readonly value: string }
  | { readonly kind: 'bytes'; readonly type: number; readonly value: Uint8Array }
  | { readonly kind: 'nested'; readonly type: number; readonly value: readonly Field[] };

const type = fc.integer({ min: 1, max: 0x3fff });
const leaf: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), type, value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({
    kind: fc.constant('u16' as const),
    type,
    value: fc.integer({ min: 0, max: 65_535 }),
  }),
  fc.record({
    kind: fc.constant('u32' as const),
    type,
    value: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  }),
  fc.record({
    kind: fc.constant('string' as const),
    type,
    // A string ends at its first zero, and lone surrogates have no encoding.
    value: fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
  }),
  fc.record({ kind: fc.constant('bytes' as const), type, value: fc.uint8Array() }),
);
const fields = uniqueTypes(
  fc.oneof(
    { weight: 4, arbitrary: leaf },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('nested' as const),
        type,
        value: uniqueTypes(leaf),
      }),
    },
  ),
);

function uniqueTypes(field: fc.Arbitrary<Field>): fc.Arbitrary<Field[]> {
  return fc.uniqueArray(field, { selector: (item) => item.type, maxLength: 12 });
}

function write(writer: MessageWriter, items: readonly Field[]): void {
  for (const item of items) {
    if (item.kind === 'nested') writer.attributeNested(item.type, () => write(writer, item.value));
    else if (item.kind === 'string') writer.attributeString(item.type, item.value);
    else if (item.kind === 'bytes') writer.attributeBytes(item.type, item.value);
    else if (item.kind === 'u8') writer.attributeU8(item.type, item.value);
    else if (item.kind === 'u16') writer.attributeU16(item.type, item.value);
    else writer.attributeU32(item.type, item.value);
  }
}

function read(attributes: Attributes, items: readonly Field[]): Field[] {
  return items.map((item) => {
    const { kind, type: at } = item;
    if (kind === 'nested') return { ...item, value: read(attributes.nested(at), item.value) };
    if (kind === 'string') return { ...item, value: attributes.string(at) ?? 'absent' };
    if (kind === 'bytes') return { ...item, value: Uint8Array.from(attributes.bytes(at) ?? [255]) };
    return { ...item, value: attributes[kind](at) ?? -1 };
  });
}

test('what the writer writes, the reader reads', (t) => {
  fc.assert(
    fc.property(fc.array(fields, { minLength: 1, maxLength: 5 }), (messages) => {
      const writer = new MessageWriter(8);
      for (const [index, items] of messages.entries()) {
        writer.begin({ type: 16 + index, flags: index, sequence: 100 + index });
        write(writer, items);
        writer.end();
      }
      const found = readMessages(writer.bytes());
      t.deepEqual(
        found.map(({ type: at, flags, sequence }) => [at, flags, sequence]),
        messages.map((_, index) => [16 + index, index, 100 + index]),
      );
      for (const [index, items] of messages.entries()) {
        const message = found[index] as NetlinkMessage;
        t.deepEqual(read(Attributes.parse(message.payload), items), items);
      }
    }),
  );
});

test('a buffer that was used before holds only what was written since', (t) => {
  const writer = new MessageWriter(64);
  writer.begin({ type: 1, flags: 0, sequence: 1 });
  writer.attributeString(1, 'a long text that stays in the buffer');
  writer.end();
  writer.reset();
  writer.begin({ type: 2, flags: 0, sequence: 2 });
  writer.attributeU8(1, 5);
  writer.end();
  t.is(writer.bytes().length, 24);
  t.deepEqual([...writer.bytes().subarray(20)], [5, 0, 0, 0]);
});

test('an attribute too long for its length field is refused as a bug', (t) => {
  const writer = new MessageWriter();
  writer.begin({ type: 1, flags: 0, sequence: 1 });
  t.throws(() => writer.attributeBytes(1, new Uint8Array(70_000)), { message: /length field/ });
});

const DECODERS: Record<string, (message: NetlinkMessage) => unknown> = {
  readLink,
  readAddress,
  readRoute,
  readRule,
  readNeighbour,
  readFdb,
  isWrittenNeighbour,
  extendedAckText,
};

/** The outcome of decoding: the value, or the code of the error. */
function outcomeOf(decode: () => unknown): unknown {
  try {
    return { value: JSON.stringify(decode()) };
  } catch (error) {
    if (error instanceof KernelError) return { code: error.detail.code };
    throw error;
  }
}

/** The bytes at an odd place of a larger buffer filled with `around`. */
function placed(bytes: Uint8Array, around: number): Uint8Array {
  const larger = new Uint8Array(bytes.length + 64).fill(around);
  larger.set(bytes, 7);
  return larger.subarray(7, 7 + bytes.length);
}

function messageOf(bytes: Uint8Array, flags: number): NetlinkMessage {
  const payload = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { type: 2, flags, sequence: 1, port: 0, payload };
}

/** Random bytes, and messages of the right shape with one byte changed. */
const hostileBytes = fc.oneof(
  fc.uint8Array({ maxLength: 128 }),
  fc
    .tuple(fields, fc.uint8Array({ minLength: 0, maxLength: 16 }), fc.nat(), fc.nat({ max: 255 }))
    .map(([items, header, at, value]) => {
      const writer = new MessageWriter(8);
      writer.begin({ type: 1, flags: 0, sequence: 1 });
      for (const byte of header) writer.u8(byte);
      write(writer, items);
      writer.end();
      const bytes = Uint8Array.from(writer.bytes().subarray(16));
      if (bytes.length > 0) bytes[at % bytes.length] = value;
      return bytes;
    }),
);

for (const [name, decode] of Object.entries(DECODERS))
  test(`${name} throws nothing uncoded and reads nothing outside the message`, (t) => {
    fc.assert(
      fc.property(hostileBytes, fc.constantFrom(0, 0x200, 0x300), (bytes, flags) => {
        const [one, other] = [0x00, 0xff].map((around) =>
          outcomeOf(() => decode(messageOf(placed(bytes, around), flags))),
        );
        t.deepEqual(one, other);
      }),
      { numRuns: 500 },
    );
  });

test('readMessages throws nothing uncoded and reads nothing outside its bytes', (t) => {
  const asNumbers = (message: NetlinkMessage): unknown => ({
    ...message,
    payload: [
      ...new Uint8Array(
        message.payload.buffer,
        message.payload.byteOffset,
        message.payload.byteLength,
      ),
    ],
  });
  fc.assert(
    fc.property(hostileBytes, (bytes) => {
      const [one, other] = [0x00, 0xff].map((around) =>
        outcomeOf(() => readMessages(placed(bytes, around)).map(asNumbers)),
      );
      t.deepEqual(one, other);
    }),
    { numRuns: 500 },
  );
});
