/** Overlay mounts of containers' root file systems. */
import { readFile } from 'node:fs/promises';
import { runChecked, runCommand } from './command.ts';

export interface OverlayMount {
  /**
   * Where the layer directories are; `lower` is relative to it, which keeps the options below the
   * kernel's page.
   */
  readonly layerDirectory: string;
  /** Topmost first. */
  readonly lower: readonly string[];
  readonly upper: string;
  readonly work: string;
  readonly target: string;
}

/** Colons separate lower directories and commas options, so both are escaped. */
function escapeOption(text: string): string {
  return text.replace(/[\\:,]/g, (character) => `\\${character}`);
}

export async function mountOverlay(mount: OverlayMount): Promise<void> {
  const options = [
    `lowerdir=${mount.lower.map(escapeOption).join(':')}`,
    `upperdir=${escapeOption(mount.upper)}`,
    `workdir=${escapeOption(mount.work)}`,
  ].join(',');
  await runChecked('mount', ['-t', 'overlay', 'overlay', '-o', options, mount.target], {
    cwd: mount.layerDirectory,
  });
}

/**
 * Idempotent: nothing mounted is success. A busy mount is detached, and goes when its last user
 * does.
 */
export async function unmount(target: string): Promise<void> {
  if (!(await isMountPoint(target))) return;
  const first = await runCommand('umount', [target]);
  if (first.exitCode === 0 || !(await isMountPoint(target))) return;
  await runChecked('umount', ['-l', target]);
}

export async function isMountPoint(target: string): Promise<boolean> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const wanted = target.replace(/[ \t\n\\]/g, (character) => {
    return `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`;
  });
  return table.split('\n').some((line) => line.split(' ')[4] === wanted);
}
