/**
 * What a voter must remember across a restart besides its log: the term it is in, and whom it voted
 * for.
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { ClusterError } from '../../errors.ts';
import { replaceFile, type Disk } from '../disk.ts';
import type { Term } from './entry.ts';

export interface HardState {
  readonly term: Term;
  readonly votedFor: string;
}

const fileSchema = z.strictObject({
  version: z.literal(1),
  crc: z.number(),
  state: z.strictObject({ term: z.int().min(1), votedFor: z.string() }),
});

export async function saveHardState(
  disk: Disk,
  directory: string,
  state: HardState,
): Promise<void> {
  const crc = crc32(JSON.stringify(state));
  const text = JSON.stringify({ version: 1, crc, state });
  await replaceFile(disk, pathOf(directory), Buffer.from(text));
}

export async function loadHardState(disk: Disk, directory: string): Promise<HardState> {
  const path = pathOf(directory);
  const bytes = await disk.read(path);
  try {
    const { crc, state } = fileSchema.parse(JSON.parse(bytes.toString()));
    if (crc === crc32(JSON.stringify(state))) return { ...state, term: state.term as Term };
  } catch {
    // Told below, with what to do.
  }
  throw new ClusterError(
    { code: 'damaged', file: path, offset: 0 },
    `${path} is damaged: it holds this node's vote and term. Nothing was changed. Restore it ` +
      `from a backup, or give ` +
      `up this cluster's state with "swarm leave --force"`,
  );
}

function pathOf(directory: string): string {
  return join(directory, 'hard-state.json');
}
