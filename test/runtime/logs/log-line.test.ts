import { fc, testProp } from '@fast-check/ava';
import test from 'ava';
import { LineSplitter, tryParseLogLine, tryParseTime } from '../../../src/runtime/logs/log-line.ts';

const LINES = [
  {
    text: '2026-11-21T02:22:25.518023017+00:00 stdout F hi',
    expected: {
      stream: 'stdout',
      time: '2026-11-21T02:22:25.518023017Z',
      isPartial: false,
      content: 'hi\n',
    },
  },
  {
    text: '2026-11-21T02:22:25.518023017+00:00 stderr P part',
    expected: {
      stream: 'stderr',
      time: '2026-11-21T02:22:25.518023017Z',
      isPartial: true,
      content: 'part',
    },
  },
  {
    text: '2026-11-21T02:22:25.000000001+05:30 stdout F ',
    expected: {
      stream: 'stdout',
      time: '2026-11-20T20:52:25.000000001Z',
      isPartial: false,
      content: '\n',
    },
  },
  {
    text: '2026-11-21T23:59:59.9-00:30 stdout F  two  blanks ',
    expected: {
      stream: 'stdout',
      time: '2026-11-22T00:29:59.900000000Z',
      isPartial: false,
      content: ' two  blanks \n',
    },
  },
];

for (const { text, expected } of LINES) {
  test(`line ${JSON.stringify(text)}`, (t) => {
    const line = tryParseLogLine(Buffer.from(text));
    const { stream, time, isPartial, content } = line ?? {};
    t.deepEqual({ stream, time, isPartial, content: content?.toString() }, expected as never);
    t.is(line?.timeMs, Date.parse(expected.time.replace(/(\.\d{3})\d*Z/, '$1Z')));
  });
}

for (const text of [
  '',
  'x',
  'stdout F x',
  '2026-11-21T02:22:25.5Z stdin F x',
  '2026-11-21T02:22:25.5Z stdout X x',
  '2026-13-21T02:22:25.5Z stdout F x',
  '2026-11-21T02:22:25.518Z stdout F',
]) {
  test(`${JSON.stringify(text)} is no line`, (t) => {
    t.is(tryParseLogLine(Buffer.from(text)), undefined);
  });
}

testProp(
  'any bytes are a line or none',
  [fc.uint8Array({ size: 'max', maxLength: 2000 })],
  (t, bytes) => {
    tryParseLogLine(Buffer.from(bytes));
    t.notThrows(() => tryParseTime(Buffer.from(bytes).toString()));
  },
);

testProp(
  'lines come out whole, however the chunks are cut',
  [
    fc.array(fc.string({ maxLength: 40 }).map((text) => text.replaceAll('\n', ''))),
    fc.array(fc.nat(30)),
  ],
  (t, lines, cuts) => {
    const whole = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    const splitter = new LineSplitter();
    const seen: string[] = [];
    let offset = 0;
    for (const cut of [...cuts, whole.length]) {
      for (const line of splitter.push(whole.subarray(offset, offset + cut)))
        seen.push(line.toString());
      offset += cut;
    }
    t.deepEqual(seen, lines);
  },
);
