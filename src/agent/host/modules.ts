/**
 * Kernel modules that the data plane needs and that no call of ours makes the kernel load by
 * itself.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { messageOf, type Logger } from '../../base/index.ts';

/** Links and nft's parts are loaded on first use; the hooks of bridged frames are not. */
const MODULES = [{ name: 'br_netfilter', sign: '/proc/sys/net/bridge' }] as const;

/** Loads what is missing; what cannot be loaded is said, and the rest works without it. */
export async function loadModules(logger: Logger): Promise<void> {
  for (const { name, sign } of MODULES) {
    if (existsSync(sign)) continue;
    try {
      await promisify(execFile)('modprobe', ['--quiet', name]);
    } catch (error) {
      logger.warn(
        { module: name, error: messageOf(error) },
        'cannot load a kernel module: virtual IPs will not be translated; install or allow it',
      );
    }
  }
}
