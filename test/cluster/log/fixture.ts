import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { SILENT_LOGGER, SeededRng } from '../../../src/base/index.ts';
import {
  RaftStorage,
  type LogSeal,
  type OpenedStorage,
  type RaftStorageOptions,
} from '../../../src/cluster/log/index.ts';
import type {
  ClientId,
  Entry,
  HardState,
  LogIndex,
  LogReader,
  Membership,
  PeerId,
  SnapshotMeta,
  Term,
  Write,
  WriteId,
} from '../../../src/raft/index.ts';

export const MEMBERS: Membership = { voters: ['a:1' as PeerId, 'b:1' as PeerId], learners: [] };

export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-storage-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return join(directory, 'log');
}

/** Small segments, and the same salts each time. */
export function storageOptions(
  directory: string,
  changes: Partial<RaftStorageOptions> = {},
): RaftStorageOptions {
  const rng = new SeededRng(1);
  return {
    directory,
    logger: SILENT_LOGGER,
    limits: { segmentBytes: 4096 },
    salt: () => rng.nextU32(),
    ...changes,
  };
}

export async function createStorage(options: RaftStorageOptions): Promise<RaftStorage> {
  return RaftStorage.create(options, { membership: MEMBERS });
}

/** Opens, lets `see` look, closes. */
export async function reopened<Seen>(
  options: RaftStorageOptions,
  see: (opened: OpenedStorage) => Seen | Promise<Seen>,
): Promise<Seen> {
  const opened = await RaftStorage.open(options);
  try {
    return await see(opened);
  } finally {
    await opened.storage.close();
  }
}

export function entry(index: number, term: number, text: string | Buffer = `${index}`): Entry {
  const session = { client: 'c' as ClientId, sequence: index, floor: 1, since: 0 as LogIndex };
  const data = Buffer.from(text);
  const payload = { kind: 'command', command: { data, session } } as const;
  return { term: term as Term, index: index as LogIndex, payload };
}

/** Entries of one term, with at least so many bytes of data. */
export function entries(
  [first, count]: readonly [first: number, count: number],
  term: number,
  bytes = 0,
): Entry[] {
  return Array.from({ length: count }, (_, at) =>
    entry(first + at, term, `${first + at}`.padEnd(bytes, '.')),
  );
}

export function writeOf(changes: Partial<Write>): Write {
  return {
    id: 1 as WriteId,
    snapshot: undefined,
    entries: [],
    hardState: undefined,
    commit: 0 as LogIndex,
    needsSync: true,
    messages: [],
    ...changes,
  };
}

export function metaOf(index: number, term: number): SnapshotMeta {
  return { index: index as LogIndex, term: term as Term, membership: MEMBERS };
}

export function hardStateOf(term: number, vote?: string): HardState {
  return { term: term as Term, vote: vote as PeerId | undefined };
}

/** Every entry that a log gives, as `index.term.data`. */
export function listed(log: LogReader): string[] {
  const end = (log.lastIndex + 1) as LogIndex;
  if (log.firstIndex === end) return [];
  return (log.entries(log.firstIndex, end, Infinity) ?? []).map(textOf);
}

export function textOf({ index, term, payload }: Entry): string {
  const text = payload.kind === 'command' ? Buffer.from(payload.command.data).toString() : '-';
  return `${index}.${term}.${text.replace(/\.+$/, '')}`;
}

/** AES-256-GCM with numbers for nonces: the same bytes each time. For tests only. */
export function testSeal(password: string): LogSeal {
  const key = createHash('sha256').update(password).digest();
  let sealed = 0;
  return {
    overheadBytes: 28,
    seal(bytes) {
      const nonce = Buffer.alloc(12);
      nonce.writeUInt32BE((sealed += 1));
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    },
    open(bytes) {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(-16));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
      } catch {
        return undefined;
      }
    },
  };
}
