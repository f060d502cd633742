import test from 'ava';
import { parseClusterSpec, parseNodeSpec, SpecError } from '../../../src/model/index.ts';

test('a node spec is read as the docker CLI sends it', (t) => {
  const json = { Name: '', Labels: { zone: 'a' }, Role: 'worker', Availability: 'drain' };
  t.deepEqual(parseNodeSpec(json), {
    Labels: { zone: 'a' },
    Role: 'worker',
    Availability: 'drain',
  });
  t.is(parseNodeSpec({ ...json, Name: 'one' }).Name, 'one');
});

test('role and availability must be said', (t) => {
  const role = t.throws(() => parseNodeSpec({ Availability: 'active' }), { instanceOf: SpecError });
  t.is(role.detail.field, 'Role');
  const availability = t.throws(() => parseNodeSpec({ Role: 'worker', Availability: 'lazy' }), {
    instanceOf: SpecError,
  });
  t.is(availability.message, 'invalid Availability: "lazy"');
});

test('a cluster spec needs nothing and gets Docker’s defaults', (t) => {
  const expected = {
    Name: 'default',
    Labels: {},
    Orchestration: { TaskHistoryRetentionLimit: 5 },
    Raft: {
      SnapshotInterval: 10_000,
      KeepOldSnapshots: 0,
      LogEntriesForSlowFollowers: 500,
      ElectionTick: 10,
      HeartbeatTick: 1,
    },
    Dispatcher: { HeartbeatPeriod: 5e9 },
    CAConfig: { NodeCertExpiry: 7_776_000e9 },
    TaskDefaults: {},
    EncryptionConfig: { AutoLockManagers: false },
  };
  t.deepEqual(parseClusterSpec({}), expected);
  t.deepEqual(parseClusterSpec(undefined), expected);
  t.deepEqual(parseClusterSpec({ Raft: { SnapshotInterval: 0 }, CAConfig: {} }), expected);
  t.deepEqual(parseClusterSpec(expected), expected);
});

const refusals: readonly { json: unknown; field: string; code?: 'unsupported-spec' }[] = [
  { json: [], field: '' },
  { json: { Name: 'mine' }, field: 'Name' },
  {
    json: { Orchestration: { TaskHistoryRetentionLimit: -1 } },
    field: 'Orchestration.TaskHistoryRetentionLimit',
  },
  { json: { Dispatcher: { HeartbeatPeriod: -1 } }, field: 'Dispatcher.HeartbeatPeriod' },
  { json: { CAConfig: { NodeCertExpiry: 1e9 } }, field: 'CAConfig.NodeCertExpiry' },
  {
    json: { CAConfig: { ExternalCAs: [{}] } },
    field: 'CAConfig.ExternalCAs',
    code: 'unsupported-spec',
  },
  {
    json: { CAConfig: { SigningCACert: 'pem' } },
    field: 'CAConfig.SigningCACert',
    code: 'unsupported-spec',
  },
  {
    json: { CAConfig: { ForceRotate: 1 } },
    field: 'CAConfig.ForceRotate',
    code: 'unsupported-spec',
  },
  {
    json: { EncryptionConfig: { AutoLockManagers: true } },
    field: 'EncryptionConfig.AutoLockManagers',
    code: 'unsupported-spec',
  },
  { json: { Raft: { ElectionTick: 'x' } }, field: 'Raft.ElectionTick' },
];

for (const { json, field, code = 'invalid-spec' } of refusals) {
  test(`a cluster spec is refused at ${field || 'the document'}`, (t) => {
    const error = t.throws(() => parseClusterSpec(json), { instanceOf: SpecError });
    t.is(error.detail.field, field);
    t.is(error.detail.code, code);
  });
}
