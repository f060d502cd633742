/** Flags of the cluster's spec, which `swarm init`, `swarm update` and `swarm ca` share. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { messageOf } from '../../base/index.ts';
import type { ClusterSpec, ExternalAuthority } from '../../model/index.ts';
import { usageError } from '../errors.ts';
import { parseCount, parseDuration } from '../parse/quantities.ts';
import { collect } from '../verbs/options.ts';

export interface AuthorityFlags {
  readonly certExpiry?: string;
  readonly externalCa: readonly string[];
}

export interface SettingFlags extends AuthorityFlags {
  readonly taskHistoryLimit?: string;
  readonly dispatcherHeartbeat?: string;
  readonly maxSnapshots?: string;
  readonly snapshotInterval?: string;
}

/** A spec as it comes and goes over the API: what is left out stays, or has Docker's default. */
export type SpecDocument = Partial<Omit<ClusterSpec, 'Orchestration' | 'Raft' | 'CAConfig'>> & {
  readonly Orchestration?: Partial<ClusterSpec['Orchestration']>;
  readonly Raft?: Partial<ClusterSpec['Raft']>;
  readonly CAConfig?: Partial<ClusterSpec['CAConfig']>;
};

export function addAuthorityFlags(command: Command): Command {
  return command
    .option('--cert-expiry <duration>', 'validity of node certificates (default 2160h)')
    .option(
      '--external-ca <fields>',
      'signer, as protocol=cfssl,url=https://…[,cacert=FILE]; may repeat',
      collect,
      [],
    );
}

export function addSettingFlags(command: Command): Command {
  return addAuthorityFlags(command)
    .option('--task-history-limit <count>', 'ended tasks that are kept in each place (default 5)')
    .option('--dispatcher-heartbeat <duration>', 'how often nodes are heard (default 5s)')
    .option('--max-snapshots <count>', 'further snapshots of the log to keep (default 0)')
    .option('--snapshot-interval <entries>', 'log entries between snapshots (default 10000)');
}

/** The spec with what the flags say. `rootPem` is the root of external signers that name none. */
export function withSettings(
  spec: SpecDocument,
  flags: SettingFlags,
  rootPem: string | undefined,
): SpecDocument {
  const { taskHistoryLimit: history, dispatcherHeartbeat: heartbeat } = flags;
  const { maxSnapshots: old, snapshotInterval: interval } = flags;
  const limit = (flag: string, text: string): number => parseCount(flag, text);
  return {
    ...withAuthority(spec, flags, rootPem),
    ...(history !== undefined && {
      Orchestration: { TaskHistoryRetentionLimit: limit('--task-history-limit', history) },
    }),
    ...(heartbeat !== undefined && {
      Dispatcher: { HeartbeatPeriod: parseDuration('--dispatcher-heartbeat', heartbeat) },
    }),
    Raft: {
      ...spec.Raft,
      ...(old !== undefined && { KeepOldSnapshots: limit('--max-snapshots', old) }),
      ...(interval !== undefined && { SnapshotInterval: limit('--snapshot-interval', interval) }),
    },
  };
}

export function withAuthority(
  spec: SpecDocument,
  flags: AuthorityFlags,
  rootPem: string | undefined,
): SpecDocument {
  const { certExpiry, externalCa } = flags;
  const external = externalCa.map((text) => parseExternal(text, rootPem));
  return {
    ...spec,
    CAConfig: {
      ...spec.CAConfig,
      ...(certExpiry !== undefined && {
        NodeCertExpiry: parseDuration('--cert-expiry', certExpiry),
      }),
      ...(external.length > 0 && { ExternalCAs: external }),
    },
  };
}

function parseExternal(text: string, rootPem: string | undefined): ExternalAuthority {
  const fields = new Map<string, string>();
  for (const field of text.split(',')) {
    const [, key, value] = /^([^=]+)=(.*)$/.exec(field) ?? [];
    if (key === undefined || value === undefined)
      throw usageError('--external-ca', `invalid field "${field}": write key=value`);
    fields.set(key, value);
  }
  const { protocol, url, cacert, ...Options } = Object.fromEntries(fields);
  if (protocol?.toLowerCase() !== 'cfssl')
    throw usageError('--external-ca', 'it needs protocol=cfssl, the only one there is');
  if (url === undefined) throw usageError('--external-ca', 'it needs url=https://…');
  const named = cacert === undefined ? '' : readCertificate('--external-ca', cacert);
  return { Protocol: 'cfssl', URL: url, Options, CACert: rootPem ?? named };
}

/** A file's text, which must hold a certificate in PEM. */
export function readCertificate(flag: string, path: string): string {
  const text = readPem(flag, path);
  try {
    new X509Certificate(text);
    return text;
  } catch (error) {
    throw usageError(flag, `${path} holds no certificate in PEM: ${messageOf(error)}`);
  }
}

/** A file's text in PEM. */
export function readPem(flag: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw usageError(flag, messageOf(error));
  }
  if (/-----BEGIN [A-Z0-9 ]+-----/.test(text)) return text;
  throw usageError(flag, `${path} must be in PEM format`);
}
