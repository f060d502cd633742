import test from 'ava';
import fc from 'fast-check';
import { macOfNodeIndex, type Mac } from '../../../src/base/index.ts';
import type { Revision, ServiceId, TaskId } from '../../../src/model/index.ts';
import { GossipError } from '../../../src/gossip/errors.ts';
import {
  FACT_KINDS,
  decodeFact,
  encodeFact,
  factKey,
  type AcknowledgedFact,
  type EndpointFact,
  type Fact,
} from '../../../src/gossip/tables/facts.ts';
import { TABLE_LIMITS } from '../../../src/gossip/tables/limits.ts';
import { isName, type RowKind } from '../../../src/gossip/tables/rows/row.ts';

const ENDPOINT: EndpointFact = {
  kind: 'endpoint',
  addresses: [{ address: '10.0.1.5', prefixBits: 24 }, { address: 'fd00::1:5' }],
  mac: '02:42:0a:00:01:05' as Mac,
  vtep: '192.0.2.7',
  taskId: 'task-1' as TaskId,
  serviceId: 'service-1' as ServiceId,
  state: 'draining',
};
const ACKNOWLEDGED: AcknowledgedFact = { kind: 'acknowledged', revision: 77 as Revision };

const id = fc.string({ unit: fc.constantFrom('a', '0', '~', '!'), minLength: 1, maxLength: 64 });
const address = fc.string({
  unit: fc.constantFrom('0', 'f', ':', '.'),
  minLength: 2,
  maxLength: 45,
});
const fact: fc.Arbitrary<Fact> = fc.oneof(
  fc
    .record({ kind: fc.constant('acknowledged'), revision: fc.maxSafeNat() })
    .map(({ revision }): AcknowledgedFact => ({
      kind: 'acknowledged',
      revision: revision as Revision,
    })),
  fc
    .record({
      addresses: fc.array(
        fc.record(
          { address, prefixBits: fc.nat(128) },
          { requiredKeys: ['address'], noNullPrototype: true },
        ),
        { minLength: 1, maxLength: 4 },
      ),
      index: fc.nat(65_535),
      vtep: address,
      taskId: id.map((text) => text as TaskId),
      serviceId: id.map((text) => text as ServiceId),
      state: fc.constantFrom('ready' as const, 'draining' as const),
    })
    .map(({ index, ...rest }): EndpointFact => ({
      kind: 'endpoint',
      mac: macOfNodeIndex(index),
      ...rest,
    })),
);

function codeOf(call: () => unknown): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof GossipError) return error.detail;
    throw error;
  }
}

test('every fact is read back as it was written, and fits a row', (t) => {
  fc.assert(
    fc.property(fact, (written) => {
      const { kind, key } = factKey(written);
      const value = encodeFact(written);
      t.deepEqual(decodeFact(kind, value), written);
      return isName(key) && value.length <= TABLE_LIMITS.valueBytesMax;
    }),
  );
});

test('the bytes of facts are as they were', (t) => {
  t.is(Buffer.from(encodeFact(ACKNOWLEDGED)).toString('hex'), '01070008000000000000004d');
  t.is(
    Buffer.from(encodeFact(ENDPOINT)).toString('hex'),
    '01' +
      '01000a180831302e302e312e35' +
      '01000bff09666430303a3a313a35' +
      '0200060242' +
      '0a000105' +
      '03000a093139322e302e322e37' +
      '040007067461736b2d31' +
      '05000a09736572766963652d31' +
      '06000101',
  );
});

test('an endpoint is known by its task, and the data plane of a network by one name', (t) => {
  t.deepEqual(factKey(ENDPOINT), { kind: FACT_KINDS.endpoint, key: 'task-1' });
  t.deepEqual(factKey(ACKNOWLEDGED), { kind: FACT_KINDS.acknowledged, key: 'data-plane' });
});

test('fields and kinds of later releases are stepped over', (t) => {
  const value = Uint8Array.from([...encodeFact(ACKNOWLEDGED), 99, 0, 2, 1, 1]);
  t.deepEqual(decodeFact(FACT_KINDS.acknowledged, value), ACKNOWLEDGED);
  t.is(decodeFact(3 as RowKind, Uint8Array.of(1, 2, 3)), undefined);
});

const UNREADABLE: readonly {
  readonly name: string;
  readonly hex: string;
  readonly detail: object;
}[] = [
  { name: 'no bytes', hex: '', detail: { code: 'short', offset: 0 } },
  { name: 'another version', hex: '02', detail: { code: 'version', version: 2 } },
  { name: 'no field', hex: '01', detail: { code: 'range', field: 'revision' } },
  {
    name: 'a field twice',
    hex: '01070008000000000000004d070008000000000000004d',
    detail: { code: 'range', field: 'revision' },
  },
  {
    name: 'a number beyond 2^53',
    hex: '010700080020000000000000',
    detail: { code: 'range', field: 'revision' },
  },
  { name: 'a field cut off', hex: '010700080000', detail: { code: 'short', offset: 4 } },
];

for (const { name, hex, detail } of UNREADABLE)
  test(`${name} is refused with a code`, (t) => {
    const value = Uint8Array.from(Buffer.from(hex, 'hex'));
    t.deepEqual(
      codeOf(() => decodeFact(FACT_KINDS.acknowledged, value)),
      detail,
    );
  });

const UNWRITABLE: readonly {
  readonly name: string;
  readonly fact: Fact;
  readonly field: string;
}[] = [
  { name: 'no address', fact: { ...ENDPOINT, addresses: [] }, field: 'addresses' },
  {
    name: 'five addresses',
    fact: { ...ENDPOINT, addresses: Array.from({ length: 5 }, () => ({ address: '::' })) },
    field: 'addresses',
  },
  {
    name: 'an address that is none',
    fact: { ...ENDPOINT, addresses: [{ address: 'example' }] },
    field: 'address',
  },
  { name: 'a VTEP that is none', fact: { ...ENDPOINT, vtep: '' }, field: 'address' },
  {
    name: 'a prefix of 129 bits',
    fact: { ...ENDPOINT, addresses: [{ address: '::', prefixBits: 129 }] },
    field: 'prefix',
  },
  { name: 'an empty id', fact: { ...ENDPOINT, taskId: '' as TaskId }, field: 'id' },
  {
    name: 'a revision below 0',
    fact: { ...ACKNOWLEDGED, revision: -1 as Revision },
    field: 'revision',
  },
];

for (const { name, fact: wrong, field } of UNWRITABLE)
  test(`${name} is not written`, (t) => {
    t.deepEqual(
      codeOf(() => encodeFact(wrong)),
      { code: 'range', field },
    );
  });

test('whatever the bytes, they are a fact or refused with a code', (t) => {
  const good = [encodeFact(ENDPOINT), encodeFact(ACKNOWLEDGED)];
  const mutated = fc
    .tuple(fc.constantFrom(...good), fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { maxLength: 4 }))
    .map(([bytes, edits]) => {
      const copy = bytes.slice();
      for (const [at, byte] of edits) copy[at % copy.length] = byte;
      return copy;
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array()), fc.constantFrom(1, 2), (bytes, kind) => {
      codeOf(() => {
        const read = decodeFact(kind as RowKind, bytes);
        if (read !== undefined) t.deepEqual(decodeFact(kind as RowKind, encodeFact(read)), read);
      });
    }),
    { numRuns: 5000 },
  );
});
