/** What has to be done to a namespace so that it holds what is wanted, and nothing else of ours. */
import type { Operation } from '../kernel.ts';
import { objectKey, type KernelObject, type ObjectKey } from '../objects.ts';
import { linkOf } from './links.ts';
import { inOrder } from './order.ts';
import { isSame, needsReplacement } from './same.ts';

/**
 * Exactly the differences, in an order that the kernel accepts. Where a link goes or is made
 * anew, the kernel drops what was on it: that is not deleted one by one, and what is wanted of it
 * is put again. Sysctls have no absence and the loopback device is the kernel's, so neither is
 * ever deleted.
 */
export function diff(
  observed: readonly KernelObject[],
  desired: readonly KernelObject[],
): Operation[] {
  const held = new Map(observed.map((object) => [objectKey(object), object]));
  const wanted = new Map(desired.map((object) => [objectKey(object), object]));
  const lost = lostLinks(held, wanted);
  return inOrder([...deletions(held, wanted, lost), ...puts(held, wanted, lost)]);
}

type Objects = ReadonlyMap<ObjectKey, KernelObject>;

/**
 * Links whose dependents are not there, whatever was observed: links that go, come, or are made
 * anew.
 */
function lostLinks(held: Objects, wanted: Objects): ReadonlySet<string> {
  const lost = new Set<string>();
  for (const [key, object] of held) {
    if (object.kind !== 'link' || object.type === 'loopback') continue;
    const want = wanted.get(key);
    if (want?.kind !== 'link' || needsReplacement(object, want)) lost.add(object.name);
  }
  for (const [key, object] of wanted)
    if (object.kind === 'link' && object.type !== 'loopback' && !held.has(key))
      lost.add(object.name);
  return lost;
}

function deletions(held: Objects, wanted: Objects, lost: ReadonlySet<string>): Operation[] {
  const operations: Operation[] = [];
  for (const [key, object] of held) {
    const want = wanted.get(key);
    if (object.kind === 'link') {
      if (lost.has(object.name)) operations.push({ action: 'delete', object });
    } else if (want === undefined && isDeletable(object) && !lost.has(linkOf(object) ?? ''))
      operations.push({ action: 'delete', object });
  }
  return operations;
}

function puts(held: Objects, wanted: Objects, lost: ReadonlySet<string>): Operation[] {
  const operations: Operation[] = [];
  for (const [key, object] of wanted) {
    const isLost = lost.has(linkOf(object) ?? '');
    const was = isLost ? undefined : held.get(key);
    if (was !== undefined && isSame(was, object)) continue;
    operations.push({ action: 'put', object, ...(was === undefined ? {} : { was }) });
  }
  return operations;
}

function isDeletable(object: KernelObject): boolean {
  return object.kind !== 'sysctl';
}
