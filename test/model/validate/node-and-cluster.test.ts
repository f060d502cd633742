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

test('what is said of the authority and of locking is kept', (t) => {
  const external = { Protocol: 'CFSSL', URL: 'https://ca:8888/api/v1/cfssl/sign' };
  const { CAConfig, EncryptionConfig } = parseClusterSpec({
    CAConfig: {
      ExternalCAs: [external],
      SigningCACert: 'cert',
      SigningCAKey: 'key',
      ForceRotate: 2,
    },
    EncryptionConfig: { AutoLockManagers: true },
  });
  t.deepEqual(CAConfig, {
    NodeCertExpiry: 7_776_000e9,
    ExternalCAs: [{ ...external, Protocol: 'cfssl', Options: {}, CACert: '' }],
    SigningCACert: 'cert',
    SigningCAKey: 'key',
    ForceRotate: 2,
  });
  t.true(EncryptionConfig.AutoLockManagers);
});

const refusals: readonly { json: unknown; field: string }[] = [
  { json: [], field: '' },
  { json: { Name: 'mine' }, field: 'Name' },
  {
    json: { Orchestration: { TaskHistoryRetentionLimit: -1 } },
    field: 'Orchestration.TaskHistoryRetentionLimit',
  },
  { json: { Dispatcher: { HeartbeatPeriod: -1 } }, field: 'Dispatcher.HeartbeatPeriod' },
  { json: { CAConfig: { NodeCertExpiry: 1e9 } }, field: 'CAConfig.NodeCertExpiry' },
  { json: { CAConfig: { ExternalCAs: [{}] } }, field: 'CAConfig.ExternalCAs[0].Protocol' },
  {
    json: { CAConfig: { ExternalCAs: [{ Protocol: 'cfssl', URL: 'http://ca' }] } },
    field: 'CAConfig.ExternalCAs[0].URL',
  },
  { json: { CAConfig: { SigningCAKey: 'pem' } }, field: 'CAConfig.SigningCACert' },
  { json: { CAConfig: { ForceRotate: -1 } }, field: 'CAConfig.ForceRotate' },
  {
    json: { EncryptionConfig: { AutoLockManagers: 'yes' } },
    field: 'EncryptionConfig.AutoLockManagers',
  },
  { json: { Raft: { ElectionTick: 'x' } }, field: 'Raft.ElectionTick' },
];

for (const { json, field } of refusals) {
  test(`a cluster spec is refused at ${field || 'the document'}`, (t) => {
    const error = t.throws(() => parseClusterSpec(json), { instanceOf: SpecError });
    t.is(error.detail.field, field);
    t.is(error.detail.code, 'invalid-spec');
  });
}
