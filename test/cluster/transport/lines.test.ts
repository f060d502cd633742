import test from 'ava';
import * as fc from 'fast-check';
import { ClusterError } from '../../../src/cluster/index.ts';
import {
  LineSplitter,
  decodeJson,
  encodeLine,
  managerMessageSchema,
  nodeMessageSchema,
} from '../../../src/cluster/transport/index.ts';

test('lines come out whole, however the bytes are cut', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 20 }),
      fc.integer({ min: 1, max: 50 }),
      (values, step) => {
        const bytes = Buffer.concat(values.map((value) => encodeLine(value)));
        const splitter = new LineSplitter(1 << 20);
        const lines: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += step)
          lines.push(...splitter.push(bytes.subarray(at, at + step)));
        t.deepEqual(
          lines.map((line) => `${line.toString()}\n`),
          values.map((value) => encodeLine(value).toString()),
        );
      },
    ),
  );
});

test('a line over the limit is refused before its end has come', (t) => {
  const splitter = new LineSplitter(10);
  t.is(splitter.push(Buffer.from('1234567890\n12345')).length, 1);
  t.throws(() => splitter.push(Buffer.from('678901')), { instanceOf: ClusterError });
});

test('whatever the bytes are, a message is of the protocol or a coded error', (t) => {
  const type = fc.constantFrom('hello', 'have', 'report', 'rows', 'welcome', 'logs', 'refused');
  const document = fc.oneof(
    fc.string().map((text) => Buffer.from(text)),
    fc
      .record({ type, rest: fc.dictionary(fc.string(), fc.jsonValue()) })
      .map(({ type: name, rest }) => Buffer.from(JSON.stringify({ ...rest, type: name }))),
  );
  fc.assert(
    fc.property(document, (bytes) => {
      for (const schema of [nodeMessageSchema, managerMessageSchema]) {
        try {
          decodeJson(schema, bytes);
        } catch (error) {
          if (!(error instanceof ClusterError) || error.detail.code !== 'protocol') throw error;
        }
      }
    }),
    { numRuns: 300 },
  );
  t.pass();
});
