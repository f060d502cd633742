import test from 'ava';
import packet from 'dns-packet';
import {
  DnsError,
  MessageStream,
  answerFor,
  decodeMessage,
  frameMessage,
  isSameQuestion,
  truncateMessage,
  withId,
} from '../../../src/dns/index.ts';
import { SeededRng, randomBelow } from '../../../src/base/index.ts';

const query = packet.encode({
  type: 'query',
  id: 1,
  questions: [{ name: 'ExAmPlE.org', type: 'TXT' }],
});

function answer(count: number, withOpt: boolean): Buffer {
  const data = 'x'.repeat(50);
  return packet.encode({
    type: 'response',
    id: 2,
    questions: [{ name: 'example.org', type: 'TXT' }],
    answers: Array.from({ length: count }, () => ({ name: 'example.org', type: 'TXT', data })),
    authorities: [{ name: 'org', type: 'NS', data: 'a.ns.org' }],
    additionals: withOpt
      ? [
          { type: 'A', name: 'a.ns.org', data: '192.0.2.1' },
          { type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] } as never,
        ]
      : [],
  });
}

test('questions are the same whatever the case of their letters', (t) => {
  const of = (name: string, type: 'A' | 'TXT'): Buffer =>
    packet.encode({ questions: [{ name, type }] });
  t.true(isSameQuestion(query, of('example.org', 'TXT')));
  t.false(isSameQuestion(query, of('example.org', 'A')));
  t.false(isSameQuestion(query, of('example.com', 'TXT')));
  t.false(isSameQuestion(query, of('example.org.uk', 'TXT')));
  const otherClass = Buffer.from(query);
  otherClass[otherClass.length - 1] = 3;
  t.false(isSameQuestion(query, otherClass));
});

test('labels that differ in length only where letters would hide it are not the same', (t) => {
  // "A" is 65: a length byte that would be a letter must not be compared as one.
  const long = packet.encode({ questions: [{ name: `${'a'.repeat(33)}.b`, type: 'A' }] });
  const other = Buffer.from(long);
  t.true(isSameQuestion(long, other));
  other[12] = 1;
  t.throws(() => isSameQuestion(long, other), { instanceOf: DnsError });
});

test("an answer goes to the client under its id and with its question's letters", (t) => {
  const passed = decodeMessage(answerFor(query, answer(1, true), 512));
  t.is(passed.header.id, 1);
  t.is(passed.questions[0]?.name, 'ExAmPlE.org');
  t.is(passed.answers.length, 1);
  t.false(passed.header.isTruncated);
});

for (const withOpt of [false, true]) {
  test(`an answer too long is cut at a record, ${withOpt ? 'its OPT kept' : 'without OPT'}`, (t) => {
    const whole = answer(20, withOpt);
    const cut = answerFor(query, whole, 512);
    t.true(cut.length <= 512);
    const read = decodeMessage(cut);
    t.true(read.header.isTruncated);
    t.is(read.authorities.length + read.additionals.length, 0);
    t.true(read.answers.length > 0 && read.answers.length < 20);
    t.is(read.edns?.udpBytes, withOpt ? 4096 : undefined);
    t.is(packet.decode(Buffer.from(cut)).answers?.length, read.answers.length);
  });
}

test('an answer that fits in bytes is passed as it is', (t) => {
  const whole = answer(3, true);
  const passed = answerFor(query, whole, whole.length);
  t.is(passed.length, whole.length);
  t.deepEqual(passed.subarray(2 + 10 + 17), new Uint8Array(whole.subarray(2 + 10 + 17)));
});

test('a broken answer that would have to be cut is refused', (t) => {
  const broken = answer(20, true).subarray(0, 600);
  t.is(t.throws(() => truncateMessage(broken, 512), { instanceOf: DnsError }).detail.code, 'short');
});

test('a limit below the question is refused', (t) => {
  const error = t.throws(() => truncateMessage(answer(1, false), 20), { instanceOf: DnsError });
  t.is(error.detail.code, 'oversized');
});

test('another id touches nothing else', (t) => {
  const changed = withId(query, 0xabcd);
  t.deepEqual([changed[0], changed[1]], [0xab, 0xcd]);
  t.deepEqual(changed.subarray(2), new Uint8Array(query.subarray(2)));
  t.is(query[1], 1);
});

test('a stream gives the messages that went in, however it is cut', (t) => {
  const rng = new SeededRng(11);
  const messages = [0, 1, 2, 500, 65_535, 17].map((length) => new Uint8Array(length).fill(length));
  const bytes = Buffer.concat(messages.map(frameMessage));
  for (let round = 0; round < 20; round += 1) {
    const stream = new MessageStream();
    const seen: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const size = 1 + randomBelow(rng, round < 10 ? 5000 : 70_000);
      seen.push(...stream.push(bytes.subarray(at, at + size)));
      at += size;
    }
    t.deepEqual(
      seen.map((one) => one.length),
      messages.map((one) => one.length),
    );
    t.true(seen.every((one, index) => Buffer.compare(one, messages[index] as Uint8Array) === 0));
    t.false(stream.isInsideMessage);
  }
});

test('a stream byte by byte', (t) => {
  const stream = new MessageStream();
  const bytes = frameMessage(Uint8Array.from([1, 2, 3]));
  const seen = [...bytes].map((byte) => stream.push(Uint8Array.from([byte])).length);
  t.deepEqual(seen, [0, 0, 0, 0, 1]);
});
