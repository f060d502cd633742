/**
 * What `up` was asked for, kept while the lab exists; and the lock between `hawser lab` commands.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { LabError } from './errors.ts';
import { LAB_LOCK_PATH, LAB_RUN_DIRECTORY, LAB_STATE_PATH } from './layout.ts';

export interface LabOptions {
  readonly nodes: number;
  readonly managers: number;
  readonly runtime: string;
  readonly lb: string;
}

/** More agents than this do not fit a machine in any useful way. */
const NODES_MAX = 100;
/** More managers than this make each write slower and nothing safer. */
const MANAGERS_MAX = 7;

export function checkLabOptions(options: LabOptions): void {
  const { nodes, managers } = options;
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > NODES_MAX) {
    throw invalid('nodes', `--nodes must be a whole number from 1 to ${NODES_MAX}`);
  }
  const managersMax = Math.min(MANAGERS_MAX, nodes);
  if (!Number.isInteger(managers) || managers < 1 || managers > managersMax) {
    throw invalid(
      'managers',
      `--managers must be a whole number from 1 to ${managersMax}, for ${nodes} nodes`,
    );
  }
}

function invalid(option: string, message: string): LabError {
  return new LabError({ code: 'option-invalid', option }, message);
}

export function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new LabError(
    { code: 'needs-root' },
    'a lab is made of network namespaces, which needs root: run it with sudo',
  );
}

/** The lab that exists, if one does; a half-made one counts. */
export function readLab(): LabOptions | undefined {
  try {
    return JSON.parse(readFileSync(LAB_STATE_PATH, 'utf8')) as LabOptions;
  } catch {
    return undefined;
  }
}

export function requireLab(): LabOptions {
  const lab = readLab();
  if (lab !== undefined) return lab;
  throw new LabError({ code: 'no-lab' }, 'there is no lab: start one with `hawser lab up`');
}

export function writeLab(options: LabOptions): void {
  mkdirSync(LAB_RUN_DIRECTORY, { recursive: true, mode: 0o755 });
  writeFileSync(LAB_STATE_PATH, JSON.stringify(options));
}

/**
 * Runs `work` while no other command changes the lab. A lock of a process that is gone does not
 * count.
 */
export async function withLabLock<T>(work: () => Promise<T>): Promise<T> {
  takeLock();
  try {
    return await work();
  } finally {
    rmSync(LAB_LOCK_PATH, { force: true });
  }
}

function takeLock(): void {
  try {
    writeFileSync(LAB_LOCK_PATH, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const pid = lockHolder();
    if (pid !== undefined) {
      throw new LabError(
        { code: 'busy', pid },
        `another \`hawser lab\` command is at work (pid ${pid}): wait for it to end`,
      );
    }
    rmSync(LAB_LOCK_PATH, { force: true });
    takeLock();
  }
}

function lockHolder(): number | undefined {
  const pid = Number(readFileSync(LAB_LOCK_PATH, 'utf8'));
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('lab') ? pid : undefined;
  } catch {
    return undefined;
  }
}
