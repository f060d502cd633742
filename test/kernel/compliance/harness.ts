/** How the compliance suite drives a kernel and compares what it holds. */
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as wait } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import {
  nftRuleKey,
  objectKey,
  type Kernel,
  type KernelFailure,
  type KernelObject,
  type NamespaceName,
  type NftTableObject,
  type Operation,
} from '../../../src/dataplane/index.ts';
import { SYSCTLS } from './objects.ts';

const DEADLINE_MS = 5000;

export interface KernelUnderTest {
  readonly kernel: Kernel;
  /** A namespace name for this test alone; what it names is removed after the test. */
  readonly name: (suffix: string) => NamespaceName;
  /** For this test alone: VNIs are shared by all of a machine's namespaces. */
  readonly vni: number;
}

export type SetUp = (t: ExecutionContext) => KernelUnderTest;

export function put(object: KernelObject, was?: KernelObject): Operation {
  return { action: 'put', object, ...(was === undefined ? {} : { was }) };
}

export function remove(object: KernelObject): Operation {
  return { action: 'delete', object };
}

export async function makePair(
  kernel: Kernel,
  name: KernelUnderTest['name'],
): Promise<{ overlay: NamespaceName; sandbox: NamespaceName }> {
  const pair = { overlay: name('overlay'), sandbox: name('sandbox') };
  await kernel.createNamespace(pair.overlay);
  await kernel.createNamespace(pair.sandbox);
  return pair;
}

/** The plan again, with what is there as `was`. */
export async function repeat(
  kernel: Kernel,
  name: NamespaceName,
  plan: readonly KernelObject[],
): Promise<Operation[]> {
  const observed = await kernel.observe(name, { sysctls: SYSCTLS });
  const byKey = new Map(observed.map((object) => [objectKey(object), object]));
  return plan.map((object) => put(object, byKey.get(objectKey(object))));
}

export async function settle(
  kernel: Kernel,
  name: NamespaceName,
  operations: readonly Operation[],
): Promise<(KernelFailure | undefined)[]> {
  const outcomes = await kernel.apply(name, operations);
  return outcomes.map((outcome) => (outcome.ok ? undefined : outcome.error));
}

export interface Batch {
  readonly name: NamespaceName;
  readonly operations: readonly Operation[];
}

export async function applyAll(t: ExecutionContext, kernel: Kernel, batch: Batch): Promise<void> {
  const failures = await settle(kernel, batch.name, batch.operations);
  t.deepEqual(
    failures.filter((failure) => failure !== undefined),
    [],
  );
}

export async function expectHeld(
  t: ExecutionContext,
  kernel: Kernel,
  expected: { readonly name: NamespaceName; readonly objects: readonly KernelObject[] },
): Promise<void> {
  const observed = await kernel.observe(expected.name, { sysctls: SYSCTLS });
  const byKey = new Map(observed.map((object) => [objectKey(object), object]));
  for (const object of expected.objects) {
    const held = byKey.get(objectKey(object));
    const relevant =
      held && Object.fromEntries(Object.keys(object).map((f) => [f, held[f as 'kind']]));
    t.deepEqual(comparable(relevant), comparable(object), objectKey(object));
  }
}

/** Without what the kernel orders by itself: chains, sets, elements; rules by their digests. */
export function comparable(object: unknown): unknown {
  const candidate = object as NftTableObject | undefined;
  if (candidate?.kind !== 'nft-table') return object;
  const byName = (one: { name: string }, other: { name: string }): number =>
    one.name < other.name ? -1 : 1;
  const decimal = (text: string): string =>
    text.replace(/0x[0-9a-f]+/g, (number) => String(Number(number)));
  return {
    ...candidate,
    sets: [...candidate.sets].sort(byName).map((set) => ({
      ...set,
      elements: [...set.elements].sort(),
    })),
    maps: [...candidate.maps].sort(byName).map((map) => ({
      ...map,
      elements: [...map.elements].map(([key, value]) => `${key} : ${decimal(value)}`).sort(),
    })),
    chains: [...candidate.chains].sort(byName).map((chain) => ({
      ...chain,
      rules: chain.rules.map(nftRuleKey),
    })),
  };
}

export async function tables(kernel: Kernel, name: NamespaceName): Promise<NftTableObject[]> {
  const observed = await kernel.observe(name, { sysctls: [] });
  return observed.filter((object) => object.kind === 'nft-table');
}

/** Waits for a condition; throws with what was awaited after the deadline. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await wait(5);
  }
}

/** Whether two observations hold the same, whatever their order. */
export function holdsSame(one: readonly KernelObject[], other: readonly KernelObject[]): boolean {
  const sorted = (objects: readonly KernelObject[]): unknown[] =>
    [...objects]
      .sort((a, b) => (objectKey(a) < objectKey(b) ? -1 : 1))
      .map((object) => comparable(object));
  return isDeepStrictEqual(sorted(one), sorted(other));
}
