/** Reads once what a bundle's configuration depends on. */
import { readdir, readFile } from 'node:fs/promises';
import type { HostFacts } from '../bundle/bundle-config.ts';
import { capabilitiesOfMask } from '../bundle/capabilities.ts';
import { isThere } from './files.ts';
import { machineArchitecture } from './architecture.ts';

const CGROUP_ROOT = '/sys/fs/cgroup';

export async function readHostFacts(): Promise<HostFacts> {
  const status = await readFile('/proc/self/status', 'utf8');
  const mask = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  const hasUnifiedCgroups = await isThere(`${CGROUP_ROOT}/cgroup.controllers`);
  return {
    architecture: machineArchitecture(),
    capabilities: capabilitiesOfMask(mask),
    hasCgroupNamespaces: await isThere('/proc/self/ns/cgroup'),
    hasSwapLimit: hasUnifiedCgroups
      ? await hasUnifiedSwapLimit()
      : await isThere(`${CGROUP_ROOT}/memory/memory.memsw.limit_in_bytes`),
  };
}

/** The root cgroup has no memory.swap.max; any other one has it when the kernel can. */
async function hasUnifiedSwapLimit(): Promise<boolean> {
  const entries = await readdir(CGROUP_ROOT, { withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    if (await isThere(`${CGROUP_ROOT}/${entry.name}/memory.swap.max`)) return true;
  }
  return false;
}
