/**
 * What every `Kernel` must do, the real one and the fake alike. Registered by `fake-kernel.test.ts`
 * and `linux-kernel.root.test.ts`.
 */
import type { TestFn } from 'ava';
import type { SetUp } from './harness.ts';
import { registerLinkTests } from './links.ts';
import { registerNamespaceTests } from './namespaces.ts';
import { registerNftTests } from './nft-tables.ts';
import { registerRowTests } from './rows.ts';

export { holdsSame, put, until, type KernelUnderTest } from './harness.ts';
export { BRIDGE } from './objects.ts';

export function registerCompliance(test: TestFn, setUp: SetUp): void {
  registerNamespaceTests(test, setUp);
  registerLinkTests(test, setUp);
  registerRowTests(test, setUp);
  registerNftTests(test, setUp);
}
