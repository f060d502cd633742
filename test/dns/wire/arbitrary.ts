/** Arbitrary DNS messages for property tests. */
import fc from 'fast-check';
import type {
  DnsName,
  Edns,
  Header,
  Message,
  RecordData,
  ResourceRecord,
} from '../../../src/dns/index.ts';
import type { Ipv4 } from '../../../src/base/index.ts';

/** With the prototype that the codec's own objects have. */
function record<Fields extends object>(model: {
  [Key in keyof Fields]: fc.Arbitrary<Fields[Key]>;
}): fc.Arbitrary<Fields> {
  return fc.record<Fields>(model, { noNullPrototype: true });
}

const u8 = fc.integer({ min: 0, max: 255 });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.nat(0xffffffff);

/** A label of any bytes, escaped as `DnsName` wants it. */
const anyLabel = fc
  .uint8Array({ minLength: 1, maxLength: 63, size: 'max' })
  .map((bytes) => [...bytes].map(escapeByte).join(''));

const plainLabel = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/);

function escapeByte(byte: number): string {
  if (byte === 0x2e || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
  if (byte < 0x21 || byte > 0x7e) return `\\${String(byte).padStart(3, '0')}`;
  return String.fromCharCode(byte);
}

/** Names as they are mostly: few and alike, so that compression finds something. */
export const plainName: fc.Arbitrary<DnsName> = fc
  .array(fc.oneof(fc.constantFrom('web', 'WEB', 'tasks', 'example', 'org'), plainLabel), {
    maxLength: 6,
  })
  .map((labels) => labels.join('.'));

/** Names of any bytes; at most three labels, so that they fit 255 bytes. */
const strangeName: fc.Arbitrary<DnsName> = fc
  .array(anyLabel, { maxLength: 3 })
  .map((labels) => labels.join('.'));

const header: fc.Arbitrary<Header> = record({
  id: u16,
  isResponse: fc.boolean(),
  opcode: fc.nat(15),
  isAuthoritative: fc.boolean(),
  isTruncated: fc.boolean(),
  isRecursionDesired: fc.boolean(),
  isRecursionAvailable: fc.boolean(),
  isAuthenticData: fc.boolean(),
  isCheckingDisabled: fc.boolean(),
  rcode: fc.nat(15),
});

const edns: fc.Arbitrary<Edns> = record({
  udpBytes: u16,
  version: u8,
  isDnssecOk: fc.boolean(),
  options: fc.constant(new Uint8Array()),
});

function dataOf(name: fc.Arbitrary<DnsName>): fc.Arbitrary<RecordData> {
  const kind = <Kind extends string>(value: Kind): fc.Arbitrary<Kind> => fc.constant(value);
  return fc.oneof(
    record({ kind: kind('A'), address: u32 as unknown as fc.Arbitrary<Ipv4> }),
    record({ kind: kind('AAAA'), address: fc.uint8Array({ minLength: 16, maxLength: 16 }) }),
    record({ kind: kind('PTR'), target: name }),
    record({ kind: kind('SRV'), priority: u16, weight: u16, port: u16, target: name }),
    record({
      kind: kind('other'),
      type: fc.constantFrom(16, 99, 65280),
      bytes: fc.uint8Array({ maxLength: 40, size: 'max' }),
    }),
  );
}

export function messageOf(name: fc.Arbitrary<DnsName>): fc.Arbitrary<Message> {
  const resource: fc.Arbitrary<ResourceRecord> = record({
    name,
    class: fc.constantFrom(1, 3, 255),
    ttl: u32,
    data: dataOf(name),
  });
  const records = fc.array(resource, { maxLength: 8, size: 'max' });
  const question = record({ name, type: u16, class: u16 });
  const sections = {
    header,
    questions: fc.array(question, { maxLength: 2 }),
    answers: records,
    authorities: records,
    additionals: records,
  };
  return fc.oneof(record<Message>(sections), record<Message>({ ...sections, edns }));
}

export const anyMessage = fc.oneof(messageOf(plainName), messageOf(strangeName));
