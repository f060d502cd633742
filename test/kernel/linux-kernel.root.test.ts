import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { LinuxKernel } from '../../src/kernel/index.ts';
import { registerCompliance, type KernelUnderTest } from './compliance/index.ts';

let testsBegun = 0;

export function setUp(t: ExecutionContext): KernelUnderTest & { readonly kernel: LinuxKernel } {
  const runDirectory = mkdtempSync(join(tmpdir(), 'hawser-kernel-'));
  const kernel = new LinuxKernel({ runDirectory });
  testsBegun += 1;
  t.teardown(async () => {
    for (const name of await kernel.namespaces()) await kernel.deleteNamespace(name);
    kernel.close();
    rmSync(runDirectory, { recursive: true });
  });
  return {
    kernel,
    name: (suffix) => `kt${process.pid}-${suffix}`,
    vni: 8_000_000 + (process.pid % 10_000) * 100 + testsBegun,
  };
}

registerCompliance(test, setUp);
