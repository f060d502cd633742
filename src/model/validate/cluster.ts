import { z } from 'zod';
import type { AuthorityConfig, ClusterSpec } from '../specs.ts';
import { count, duration, labels, readDocument, text } from './document.ts';
import { invalid } from './spec-error.ts';

const HOUR_NS = 3_600e9;
const CERTIFICATE_LIFE_NS = 90 * 24 * HOUR_NS;
const HEARTBEAT_NS = 5e9;
const HISTORY_MAX = 1_000;
const EXTERNAL_MAX = 16;

const externalDocument = z.object({
  Protocol: text.default(''),
  URL: text.default(''),
  Options: labels.default({}),
  CACert: text.default(''),
});

const clusterDocument = z.object({
  Name: text.default(''),
  Labels: labels.default({}),
  Orchestration: z.object({ TaskHistoryRetentionLimit: z.int().optional() }).default({}),
  Raft: z
    .object({
      SnapshotInterval: count.optional(),
      KeepOldSnapshots: count.optional(),
      LogEntriesForSlowFollowers: count.optional(),
      ElectionTick: count.optional(),
      HeartbeatTick: count.optional(),
    })
    .default({}),
  Dispatcher: z.object({ HeartbeatPeriod: duration.optional() }).default({}),
  CAConfig: z
    .object({
      NodeCertExpiry: duration.optional(),
      ExternalCAs: z.array(externalDocument).max(EXTERNAL_MAX).default([]),
      SigningCACert: text.default(''),
      SigningCAKey: text.default(''),
      ForceRotate: count.default(0),
    })
    .default({ ExternalCAs: [], SigningCACert: '', SigningCAKey: '', ForceRotate: 0 }),
  TaskDefaults: z.record(text, z.unknown()).default({}),
  EncryptionConfig: z.object({ AutoLockManagers: z.boolean().default(false) }).optional(),
});

type ClusterDocument = z.output<typeof clusterDocument>;

/**
 * Reads `Spec` of `POST /swarm/init`, or the body of `/swarm/update`. Missing parts get Docker's
 * defaults. Throws `SpecError`.
 */
export function parseClusterSpec(json: unknown): ClusterSpec {
  const document = readDocument(clusterDocument, json ?? {});
  checkCluster(document);
  const { Raft, TaskDefaults } = document;
  return {
    Name: 'default',
    Labels: document.Labels,
    Orchestration: {
      TaskHistoryRetentionLimit: document.Orchestration.TaskHistoryRetentionLimit ?? 5,
    },
    Raft: {
      SnapshotInterval: Raft.SnapshotInterval || 10_000,
      KeepOldSnapshots: Raft.KeepOldSnapshots ?? 0,
      LogEntriesForSlowFollowers: Raft.LogEntriesForSlowFollowers || 500,
      ElectionTick: Raft.ElectionTick || 10,
      HeartbeatTick: Raft.HeartbeatTick || 1,
    },
    Dispatcher: { HeartbeatPeriod: document.Dispatcher.HeartbeatPeriod || HEARTBEAT_NS },
    CAConfig: authorityConfig(document.CAConfig),
    TaskDefaults,
    EncryptionConfig: { AutoLockManagers: document.EncryptionConfig?.AutoLockManagers ?? false },
  };
}

function authorityConfig(document: ClusterDocument['CAConfig']): AuthorityConfig {
  const { ExternalCAs, SigningCACert, SigningCAKey, ForceRotate } = document;
  const external = ExternalCAs.map((each) => ({ ...each, Protocol: 'cfssl' as const }));
  return {
    NodeCertExpiry: document.NodeCertExpiry || CERTIFICATE_LIFE_NS,
    ...(external.length > 0 && { ExternalCAs: external }),
    ...(SigningCACert !== '' && { SigningCACert }),
    ...(SigningCAKey !== '' && { SigningCAKey }),
    ...(ForceRotate > 0 && { ForceRotate }),
  };
}

function checkCluster(document: ClusterDocument): void {
  const { Name, Orchestration, Dispatcher, CAConfig } = document;
  if (Name !== '' && Name !== 'default')
    throw invalid('Name', 'must be "default"', 'modification of cluster name is not allowed');
  const history = Orchestration.TaskHistoryRetentionLimit ?? 0;
  if (history < 0 || history > HISTORY_MAX)
    throw invalid('Orchestration.TaskHistoryRetentionLimit', `must be 0 to ${HISTORY_MAX}`);
  if ((Dispatcher.HeartbeatPeriod ?? 0) < 0)
    throw invalid(
      'Dispatcher.HeartbeatPeriod',
      'cannot be negative',
      'heartbeat time period cannot be a negative duration',
    );
  checkAuthority(CAConfig);
}

function checkAuthority(document: ClusterDocument['CAConfig']): void {
  const life = document.NodeCertExpiry ?? 0;
  if (life !== 0 && life < HOUR_NS)
    throw invalid(
      'CAConfig.NodeCertExpiry',
      'must be at least one hour',
      'minimum certificate expiry time is: 1h0m0s',
    );
  if (document.SigningCAKey !== '' && document.SigningCACert === '')
    throw invalid(
      'CAConfig.SigningCACert',
      'must be given with a key',
      'if a signing CA key is provided, the signing CA cert must also be provided',
    );
  for (const [at, { Protocol, URL }] of document.ExternalCAs.entries()) {
    const field = `CAConfig.ExternalCAs[${at}]`;
    if (Protocol.toLowerCase() !== 'cfssl')
      throw invalid(`${field}.Protocol`, 'must be cfssl', `invalid protocol: "${Protocol}"`);
    if (!isHttps(URL)) throw invalid(`${field}.URL`, 'must be a URL of the scheme https');
  }
}

function isHttps(text: string): boolean {
  return URL.canParse(text) && new URL(text).protocol === 'https:';
}
