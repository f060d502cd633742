import test from 'ava';
import { GossipError, type GossipErrorDetail } from '../../../src/gossip/index.ts';
import { decodeFrame } from '../../../src/gossip/wire/decode.ts';
import { MESSAGE_TYPES } from '../../../src/gossip/wire/encode.ts';
import { encodeFrame } from '../support/frames.ts';
import { alive, suspect } from '../support/test-node.ts';
import { SAMPLES } from './samples.ts';

const bytes = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');

const REFUSED: readonly {
  readonly name: string;
  readonly hex: string;
  readonly detail: GossipErrorDetail;
}[] = [
  { name: 'no bytes', hex: '', detail: { code: 'short', offset: 0 } },
  { name: 'another version', hex: '02', detail: { code: 'version', version: 2 } },
  { name: 'version 0', hex: '00', detail: { code: 'version', version: 0 } },
  { name: 'a type without a length', hex: '01 02 00', detail: { code: 'short', offset: 2 } },
  { name: 'a length beyond the frame', hex: '01 02 0005 01', detail: { code: 'short', offset: 4 } },
  { name: 'a body that is too short', hex: '01 02 0003 010203', detail: short(4) },
  { name: 'an empty id', hex: '01 08 0005 00 00000001', detail: range('id') },
  { name: 'an id with a blank', hex: '01 08 0006 01 20 00000001', detail: range('id') },
  { name: 'an id beyond ASCII', hex: '01 08 0006 01 80 00000001', detail: range('id') },
  {
    name: 'an id of 65 bytes',
    hex: `01 08 0046 41 ${'61'.repeat(65)} 00000001`,
    detail: range('id'),
  },
  {
    name: 'an incarnation beyond the last',
    hex: '01 08 0006 01 61 fd000001',
    detail: range('incarnation'),
  },
  { name: 'a suspicion of nobody', hex: '01 06 0007 01 61 00000001 00', detail: range('accusers') },
  {
    name: 'an accuser twice',
    hex: '01 06 000f 01 61 00000001 02 00000007 00000007',
    detail: range('accusers'),
  },
  {
    name: 'nine accusers',
    hex: `01 06 002b 01 61 00000001 09 ${Array.from({ length: 9 }, (_, at) => `0000000${at}`).join('')}`,
    detail: range('accusers'),
  },
  {
    name: 'an address of no family',
    hex: '01 04 000f 00000001 00000002 05 0a000002 1f0a',
    detail: range('address family'),
  },
  {
    name: 'port 0',
    hex: '01 04 000f 00000001 00000002 04 0a000002 0000',
    detail: range('port'),
  },
  {
    name: 'a protocol that ends before it begins',
    hex: '01 05 0011 01 61 00000001 04 0a000002 1f0a 02 01 0000',
    detail: range('protocol'),
  },
  {
    name: 'protocol 0',
    hex: '01 05 0011 01 61 00000001 04 0a000002 1f0a 00 01 0000',
    detail: range('protocol'),
  },
  {
    name: 'meta beyond its bound',
    hex: `01 05 0212 01 61 00000001 04 0a000002 1f0a 01 01 0201 ${'00'.repeat(513)}`,
    detail: range('meta'),
  },
  {
    name: 'a network that is neither joined nor left',
    hex: '01 09 0009 01 61 01 62 00000001 02',
    detail: range('joined'),
  },
  {
    name: 'a network time beyond the last',
    hex: '01 09 0009 01 61 01 62 fd000001 01',
    detail: range('network time'),
  },
];

function short(offset: number): GossipErrorDetail {
  return { code: 'short', offset };
}

function range(field: string): GossipErrorDetail {
  return { code: 'range', field };
}

for (const { name, hex, detail } of REFUSED) {
  test(`refused: ${name}`, (t) => {
    const error = t.throws(() => decodeFrame(bytes(hex)), { instanceOf: GossipError });
    t.deepEqual(error.detail, detail);
  });
}

test('a message of an unknown type is stepped over, and counted', (t) => {
  const known = encodeFrame([alive('n2')]);
  const strange = bytes('c8 0003 010203');
  const frame = new Uint8Array([...known, ...strange, ...encodeFrame([alive('n3')]).subarray(1)]);
  t.deepEqual(decodeFrame(frame), { messages: [alive('n2'), alive('n3')], unknown: 1 });
});

for (const [name, messages] of Object.entries(SAMPLES)) {
  const [message] = messages;
  if (message === undefined || message.kind === 'rows' || messages.length > 1) continue;
  test(`fields that a later version adds to ${name} are left alone`, (t) => {
    const frame = encodeFrame([message, suspect('n8', 1, 'n9')]);
    const length = (frame[2] as number) * 256 + (frame[3] as number);
    const longer = new Uint8Array([
      ...frame.subarray(0, 2),
      (length + 5) >> 8,
      (length + 5) & 255,
      ...frame.subarray(4, 4 + length),
      ...[1, 2, 3, 4, 5],
      ...frame.subarray(4 + length),
    ]);
    t.deepEqual(decodeFrame(longer).messages, [message, suspect('n8', 1, 'n9')]);
  });
}

test('every kind of message has a number of its own', (t) => {
  const numbers = Object.values(MESSAGE_TYPES);
  t.is(new Set(numbers).size, numbers.length);
});

test('what was decoded does not change with the buffer that it came in', (t) => {
  const frame = encodeFrame([alive('n2', 1, { meta: new Uint8Array([1, 2]) })]);
  const { messages } = decodeFrame(frame);
  frame.fill(0xff);
  t.deepEqual(messages, [alive('n2', 1, { meta: new Uint8Array([1, 2]) })]);
});

test('a frame is read where it stands in a larger buffer, and not beyond', (t) => {
  const frame = encodeFrame([alive('n2')]);
  const buffer = new Uint8Array(frame.length + 20).fill(0xee);
  buffer.set(frame, 7);
  const part = buffer.subarray(7, 7 + frame.length);
  t.deepEqual(decodeFrame(part).messages, [alive('n2')]);
});
