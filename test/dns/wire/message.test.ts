import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import packet, { type Answer, type Packet } from 'dns-packet';
import { formatIpv4, ipv4 } from '../../../src/base/index.ts';
import {
  DnsError,
  decodeHeader,
  decodeMessage,
  encodeMessage,
  isDnsName,
  type DnsErrorDetail,
  type Message,
  type ResourceRecord,
} from '../../../src/dns/index.ts';
import { anyMessage, messageOf, plainName } from './arbitrary.ts';

const HEADER = {
  id: 0x1234,
  isResponse: true,
  opcode: 0,
  isAuthoritative: false,
  isTruncated: false,
  isRecursionDesired: true,
  isRecursionAvailable: true,
  isAuthenticData: false,
  isCheckingDisabled: false,
  rcode: 0,
};

function reply(answers: readonly ResourceRecord[], change: Partial<Message> = {}): Message {
  const name = answers[0]?.name ?? 'web';
  return {
    header: HEADER,
    questions: [{ name, type: 1, class: 1 }],
    answers,
    authorities: [],
    additionals: [],
    ...change,
  };
}

function addresses(name: string, count: number): readonly ResourceRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    name,
    class: 1,
    ttl: 600,
    data: { kind: 'A', address: ipv4(`10.0.${index >>> 8}.${index & 255}`) },
  }));
}

test('what is written reads back as it was, names letter by letter', (t) => {
  fc.assert(
    fc.property(anyMessage, (message) =>
      isDeepStrictEqual(decodeMessage(encodeMessage(message)), message),
    ),
    { numRuns: 300 },
  );
  t.pass();
});

test('what was read is written to the same bytes again', (t) => {
  fc.assert(
    fc.property(messageOf(plainName), (message) => {
      const bytes = encodeMessage(message);
      return Buffer.compare(encodeMessage(decodeMessage(bytes)), bytes) === 0;
    }),
    { numRuns: 200 },
  );
  t.pass();
});

test('an answer of ten addresses is compressed to a pointer per owner', (t) => {
  const bytes = encodeMessage(reply(addresses('tasks.web', 10)));
  t.is(bytes.length, 12 + 11 + 4 + 10 * 16);
});

test('compression finds suffixes of earlier names, but only in the same letters', (t) => {
  const target = (text: string): ResourceRecord => ({
    name: 'a.example.org',
    class: 1,
    ttl: 1,
    data: { kind: 'PTR', target: text },
  });
  const same = encodeMessage(reply([target('b.example.org')]));
  const other = encodeMessage(reply([target('b.Example.org')]));
  t.is(other.length - same.length, 8);
  t.is(decodeMessage(other).answers[0]?.data.kind, 'PTR');
});

test('targets of SRV are written whole (RFC 2782)', (t) => {
  const data = {
    kind: 'SRV',
    priority: 1,
    weight: 2,
    port: 80,
    target: 'web.example.org',
  } as const;
  const bytes = encodeMessage(reply([{ name: 'example.org', class: 1, ttl: 1, data }]));
  t.is(Buffer.from(bytes).toString('latin1').split('example').length - 1, 2);
});

// dns-packet: written independently of this codec.

test('dns-packet reads what this codec writes', (t) => {
  const message = reply(
    [
      ...addresses('web', 2),
      {
        name: 'web',
        class: 1,
        ttl: 7,
        data: { kind: 'AAAA', address: Uint8Array.from([0xfd, ...Array<number>(14).fill(0), 1]) },
      },
      {
        name: '1.0.0.10.in-addr.arpa',
        class: 1,
        ttl: 8,
        data: { kind: 'PTR', target: 'web.1.x.front' },
      },
      {
        name: '_http._tcp.web',
        class: 1,
        ttl: 9,
        data: { kind: 'SRV', priority: 1, weight: 2, port: 80, target: 'x.web' },
      },
    ],
    { edns: { udpBytes: 1232, version: 0, isDnssecOk: true, options: new Uint8Array() } },
  );
  const read = packet.decode(Buffer.from(encodeMessage(message)));
  t.like(read, { id: 0x1234, type: 'response', flag_rd: true, flag_ra: true, flag_aa: false });
  t.deepEqual(read.questions, [{ name: 'web', type: 'A', class: 'IN' }]);
  const answers = (read.answers ?? []).map((answer) =>
    'data' in answer ? [answer.name, answer.type, answer.data] : [],
  );
  t.deepEqual(answers, [
    ['web', 'A', '10.0.0.0'],
    ['web', 'A', '10.0.0.1'],
    ['web', 'AAAA', 'fd00::1'],
    ['1.0.0.10.in-addr.arpa', 'PTR', 'web.1.x.front'],
    ['_http._tcp.web', 'SRV', { priority: 1, weight: 2, port: 80, target: 'x.web' }],
  ]);
  t.like(read.additionals?.[0], { type: 'OPT', udpPayloadSize: 1232, flag_do: true });
});

test('this codec reads what dns-packet writes', (t) => {
  const packetName = plainName.filter((name) => name !== '');
  const answer = fc.oneof(
    fc.record({
      name: packetName,
      type: fc.constant('A' as const),
      ttl: fc.nat(),
      data: fc.ipV4(),
    }),
    fc.record({
      name: packetName,
      type: fc.constant('PTR' as const),
      ttl: fc.nat(),
      data: packetName,
    }),
  );
  fc.assert(
    fc.property(fc.nat(0xffff), fc.array(answer, { maxLength: 9, size: 'max' }), (id, answers) => {
      const written: Packet = {
        type: 'response',
        id,
        flags: packet.RECURSION_DESIRED,
        questions: [{ name: 'web', type: 'A' }],
        answers,
      };
      const read = decodeMessage(packet.encode(written));
      t.is(read.header.id, id);
      t.true(read.header.isRecursionDesired);
      t.deepEqual(read.answers.map(asPacketAnswer), answers);
    }),
    { numRuns: 100 },
  );
});

function asPacketAnswer(record: ResourceRecord): Answer {
  const { name, ttl, data } = record;
  if (data.kind === 'A') return { name, type: 'A', ttl, data: formatIpv4(data.address) };
  return { name, type: 'PTR', ttl, data: data.kind === 'PTR' ? data.target : '' };
}

// Sizes.

test('what does not fit is left out in whole records, and TC says so', (t) => {
  for (const limit of [512, 513, 1232, 4096]) {
    const bytes = encodeMessage(reply(addresses('tasks.web', 600)), limit);
    const read = decodeMessage(bytes);
    t.true(bytes.length <= limit && bytes.length > limit - 16);
    t.true(read.header.isTruncated);
    t.is(read.answers.length, Math.floor((limit - 27) / 16));
  }
});

test('the OPT record stays when records go', (t) => {
  const edns = { udpBytes: 1232, version: 0, isDnssecOk: false, options: new Uint8Array() };
  const read = decodeMessage(encodeMessage(reply(addresses('web', 600), { edns }), 512));
  t.deepEqual(read.edns, edns);
  t.true(read.header.isTruncated);
});

test('later sections do not fill the room that an earlier one had to leave', (t) => {
  const big = { kind: 'other', type: 16, bytes: new Uint8Array(600) } as const;
  const answers = [{ name: 'web', class: 1, ttl: 1, data: big }];
  const read = decodeMessage(
    encodeMessage(reply(answers, { additionals: addresses('x', 1) }), 512),
  );
  t.deepEqual([read.answers.length, read.additionals.length], [0, 0]);
});

test('an answer never exceeds 65,535 bytes', (t) => {
  const read = decodeMessage(encodeMessage(reply(addresses('web', 5000)), 1e6));
  t.true(read.header.isTruncated);
  t.is(read.answers.length, 4094);
});

test('a limit below header and question is refused', (t) => {
  const error = t.throws(() => encodeMessage(reply([]), 16), { instanceOf: DnsError });
  t.is(error.detail.code, 'oversized');
});

test('extended response codes take their upper bits to the OPT record', (t) => {
  const edns = { udpBytes: 1232, version: 0, isDnssecOk: false, options: new Uint8Array() };
  const bytes = encodeMessage(reply([], { header: { ...HEADER, rcode: 16 }, edns }));
  t.is(decodeHeader(bytes).rcode, 0);
  t.is(decodeMessage(bytes).header.rcode, 16);
});

// Refusals: hexadecimal after a header of one question, or one answer where said.

const QUESTION = '123401000001000000000000';
const ANSWER = '123481800000000100000000';
const ADDITIONAL = '123481800000000000000001';

interface Refusal {
  readonly title: string;
  readonly hex: string;
  readonly code: DnsErrorDetail['code'];
}

const label = (length: number): string =>
  length.toString(16).padStart(2, '0') + '61'.repeat(length);

const REFUSALS: readonly Refusal[] = [
  { title: 'nothing', hex: '', code: 'short' },
  { title: 'half a header', hex: '1234010000010000', code: 'short' },
  { title: 'a header that promises a question', hex: QUESTION, code: 'short' },
  { title: 'a label beyond the end', hex: `${QUESTION}05616263`, code: 'short' },
  { title: 'a name without an end', hex: `${QUESTION}0161`, code: 'short' },
  { title: 'a question without its class', hex: `${QUESTION}0161000001`, code: 'short' },
  { title: 'a pointer to itself', hex: `${QUESTION}c00c00010001`, code: 'pointer' },
  { title: 'a pointer forward', hex: `${QUESTION}c00e0161000001`, code: 'pointer' },
  { title: 'a pointer into the header', hex: `${QUESTION}c00000010001`, code: 'pointer' },
  {
    title: 'a pointer to a name that reaches beyond the pointer',
    hex: `12348180000100020000000001320131013002313007696e2d61646472046172706100000c0001c00d000c000100004258000b037765620566726f6e7400c037000c0001000002580005026462c037`,
    code: 'pointer',
  },
  { title: 'half a pointer', hex: `${QUESTION}c0`, code: 'short' },
  {
    title: 'a pointer back into the name it is part of',
    hex: `${QUESTION}0161c00c00010001`,
    code: 'pointer',
  },
  { title: 'a label of type 01', hex: `${QUESTION}4100000100010000`, code: 'label-type' },
  { title: 'a label of type 10', hex: `${QUESTION}8100000100010000`, code: 'label-type' },
  {
    title: 'a name of 256 bytes',
    hex: `${QUESTION}${label(63).repeat(3)}${label(62)}0000010001`,
    code: 'name-too-long',
  },
  {
    title: 'bytes after the end',
    hex: `${QUESTION}016100000100010`.concat('0'),
    code: 'trailing-bytes',
  },
  {
    title: 'an A record of 5 bytes',
    hex: `${ANSWER}0000010001000000000005aabbccddee`,
    code: 'record-data',
  },
  {
    title: 'an AAAA record of 4 bytes',
    hex: `${ANSWER}00001c0001000000000004aabbccdd`,
    code: 'record-data',
  },
  {
    title: 'a PTR whose name ends before its data',
    hex: `${ANSWER}00000c00010000000000030161000000`.slice(0, -2) + '00',
    code: 'trailing-bytes',
  },
  {
    title: 'a PTR with more data than a name',
    hex: `${ANSWER}00000c000100000000000401610000`,
    code: 'record-data',
  },
  {
    title: 'a PTR whose name leaves its data',
    hex: `${ANSWER}00000c000100000000000201610000`,
    code: 'record-data',
  },
  { title: 'data beyond the end', hex: `${ANSWER}000010000100000000000501`, code: 'short' },
  { title: 'OPT among the answers', hex: `${ANSWER}0000290200000000000000`, code: 'opt' },
  { title: 'OPT with a name', hex: `${ADDITIONAL}01610000290200000000000000`, code: 'opt' },
  {
    title: 'two OPT',
    hex: `123401000000000000000002${'0000290200000000000000'.repeat(2)}`,
    code: 'opt',
  },
  { title: 'more records than there can be', hex: '12348180000000ff00ff00ff', code: 'short' },
  { title: 'more records than it takes', hex: '123481800000ffff00000000', code: 'oversized' },
  { title: 'more questions than it takes', hex: '1234810000ff000000000000', code: 'oversized' },
];

for (const { title, hex, code } of REFUSALS) {
  test(`refused: ${title}`, (t) => {
    const error = t.throws(() => decodeMessage(Buffer.from(hex, 'hex')), { instanceOf: DnsError });
    t.is(error.detail.code, code);
  });
}

test('refused: more than 65,535 bytes', (t) => {
  const error = t.throws(() => decodeMessage(new Uint8Array(65_536)), { instanceOf: DnsError });
  t.is(error.detail.code, 'oversized');
});

test('a name of 255 bytes is the longest, on both ways', (t) => {
  const name = [63, 63, 63, 61].map((length) => 'a'.repeat(length)).join('.');
  const read = decodeMessage(encodeMessage(reply(addresses(name, 1))));
  t.is(read.questions[0]?.name, name);
});

test('a chain of pointers backwards is followed', (t) => {
  const one = { class: 1, ttl: 0 };
  const data = (target: string): ResourceRecord['data'] => ({ kind: 'PTR', target });
  const message = reply([
    { name: 'c', ...one, data: data('b.c') },
    { name: 'b.c', ...one, data: data('a.b.c') },
    { name: 'a.b.c', ...one, data: data('a.b.c') },
  ]);
  t.deepEqual(decodeMessage(encodeMessage(message)), message);
});

for (const [text, isName] of [
  ['', true],
  ['a', true],
  ['a.b', true],
  ['a..b', false],
  ['.a', false],
  ['a.', false],
  ['\\.', true],
  ['\\', false],
  ['a\\', false],
  ['\\25', false],
  ['\\255', true],
  ['\\256', false],
  ['ü', true],
  ['Ā', false],
  ['a'.repeat(63), true],
  ['a'.repeat(64), false],
] as const) {
  test(`"${text}" is ${isName ? 'a' : 'no'} name`, (t) => {
    t.is(isDnsName(text), isName);
    const write = (): unknown =>
      encodeMessage(reply([], { questions: [{ name: text, type: 1, class: 1 }] }));
    if (isName) t.notThrows(write);
    else t.is(t.throws(write, { instanceOf: DnsError }).detail.code, 'name-text');
  });
}
