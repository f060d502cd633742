/**
 * One namespace between plan and kernel: what is wanted, what is believed to be there, which keys
 * may differ, and what the kernel refused. Every change of either side marks keys; only marked
 * keys are compared, so that one endpoint among thousands costs what one endpoint costs.
 */
import {
  diff,
  isSame,
  linkOf,
  losesDependents,
  objectKey,
  type KernelFailure,
  type KernelObject,
  type LinkObject,
  type NamespaceName,
  type ObjectKey,
  type Operation,
} from '../../dataplane/index.ts';
import { retryDelayMs } from './backoff.ts';
import type { FailedObject } from './errors.ts';

interface Failure {
  readonly object: KernelObject;
  readonly error: KernelFailure;
  readonly attempts: number;
  readonly nextRetryMs: number;
}

const NO_LINKS: ReadonlySet<string> = new Set();

export class NamespaceState {
  readonly name: NamespaceName;
  /** Own links by the namespace that their far end is in. */
  private veths = new Map<NamespaceName, Set<string>>();
  private readonly desired = new Map<ObjectKey, KernelObject>();
  private believed: Map<ObjectKey, KernelObject> | undefined;
  /** What `desired` was made from. */
  private source: readonly KernelObject[] = [];
  private readonly marked = new Set<ObjectKey>();
  private readonly failures = new Map<ObjectKey, Failure>();
  /** Settings that this kernel does not have and does not need. */
  private readonly moot = new Set<ObjectKey>();

  constructor(name: NamespaceName) {
    this.name = name;
  }

  get isObserved(): boolean {
    return this.believed !== undefined;
  }

  /** Takes over a list of the plan. What both lists begin and end with costs next to nothing. */
  want(objects: readonly KernelObject[]): void {
    if (objects === this.source) return;
    const { gone, come } = changes(this.source, objects);
    this.source = objects;
    for (const object of gone) this.mark(object, (key) => this.desired.delete(key));
    for (const object of come) this.mark(object, (key) => this.desired.set(key, object));
    for (const [key, failure] of this.failures) {
      const want = this.desired.get(key);
      if (want === undefined || !isSame(failure.object, want)) this.failures.delete(key);
    }
    if ([...gone, ...come].some((object) => object.kind === 'link')) this.veths = vethsOf(objects);
  }

  /**
   * Forgets what was believed: the namespace is another one, or nobody knows what happened to it.
   */
  forget(): void {
    this.believed = undefined;
  }

  sysctlPaths(): string[] {
    const paths: string[] = [];
    for (const object of this.desired.values())
      if (object.kind === 'sysctl') paths.push(object.path);
    return paths;
  }

  /** Takes over what was observed; returns what somebody else had changed since it was put. */
  adopt(observed: readonly KernelObject[]): KernelObject[] {
    const before = this.believed;
    const fresh = new Map(observed.map((object) => [objectKey(object), object]));
    const repairs: KernelObject[] = [];
    this.believed = fresh;
    for (const [key, want] of this.desired) {
      if (this.moot.has(key) && !fresh.has(key)) fresh.set(key, want);
      const is = fresh.get(key);
      if (is !== undefined && isSame(is, want)) continue;
      this.marked.add(key);
      const was = before?.get(key);
      if (was !== undefined && isSame(was, want)) repairs.push(want);
    }
    for (const [key, object] of fresh) {
      if (this.desired.has(key)) continue;
      this.marked.add(key);
      if (before?.has(key) === false) repairs.push(object);
    }
    return repairs;
  }

  /** What is to be done and due. Deletions of what no plan wants wait until `mayDelete`. */
  operations(nowMs: number, mayDelete: boolean): Operation[] {
    const { believed } = this;
    if (believed === undefined) return [];
    const keys = this.keysToCompare(believed);
    const pick = (objects: ReadonlyMap<ObjectKey, KernelObject>): KernelObject[] => {
      const picked: KernelObject[] = [];
      for (const key of keys) {
        const object = objects.get(key);
        if (object !== undefined) picked.push(object);
      }
      return picked;
    };
    const operations = diff(pick(believed), pick(this.desired));
    this.marked.clear();
    for (const { object } of operations) this.marked.add(objectKey(object));
    for (const key of this.failures.keys()) if (!this.marked.has(key)) this.failures.delete(key);
    return operations.filter(({ action, object }) => {
      const key = objectKey(object);
      if ((this.failures.get(key)?.nextRetryMs ?? 0) > nowMs) return false;
      return action === 'put' || mayDelete || this.desired.has(key);
    });
  }

  /** Records that the kernel did it. */
  succeed({ action, object }: Operation): void {
    const key = objectKey(object);
    const was = this.believed?.get(key);
    this.failures.delete(key);
    if (action === 'put') {
      if (object.kind === 'link' && losesDependents(was, object)) this.linkCame(object);
      this.believed?.set(key, object);
      if (this.desired.get(key) === object) this.marked.delete(key);
      return;
    }
    if (object.kind === 'link') this.dropRows(object.name);
    this.believed?.delete(key);
    if (!this.desired.has(key)) this.marked.delete(key);
  }

  /** Records that the kernel refused it; tried again later, alone or with others. */
  fail({ object }: Operation, error: KernelFailure, nowMs: number): number {
    const key = objectKey(object);
    const attempts = (this.failures.get(key)?.attempts ?? 0) + 1;
    const nextRetryMs = nowMs + retryDelayMs(attempts);
    this.failures.set(key, { object, error, attempts, nextRetryMs });
    this.marked.add(key);
    return attempts;
  }

  /** Records that the kernel has no such setting, which is as good. */
  excuse(operation: Operation): void {
    this.moot.add(objectKey(operation.object));
    this.succeed(operation);
  }

  /** The far end of a veth was made in this namespace, bare. */
  peerCame(name: string): void {
    const link: LinkObject = { kind: 'link', type: 'veth-peer', name, isUp: false };
    this.dropRows(name);
    this.believed?.set(objectKey(link), link);
    this.linkCame(link);
    this.markRows(name);
  }

  /** A link of this namespace went with its far end. */
  peerWent(name: string): void {
    this.dropRows(name);
    this.believed?.delete(`link/${name}`);
    this.markRows(name);
  }

  /** Whether links of this namespace reach into others: those wait for it. */
  get hasVeths(): boolean {
    return this.veths.size > 0;
  }

  /** Names of own links whose far end is in the namespace. */
  vethsTo(namespace: NamespaceName): ReadonlySet<string> {
    return this.veths.get(namespace) ?? NO_LINKS;
  }

  peerNamespaces(): Iterable<NamespaceName> {
    return this.veths.keys();
  }

  /** Whether something that may be done is not done; with `links`, only of those links. */
  isPending(mayDelete: boolean, links?: ReadonlySet<string>): boolean {
    if (this.believed === undefined) return true;
    for (const key of this.marked) {
      const object = this.desired.get(key);
      if (object === undefined && (!mayDelete || !this.isDeletable(key))) continue;
      const link = object === undefined ? undefined : linkOf(object);
      if (links === undefined || (link !== undefined && links.has(link))) return true;
    }
    return false;
  }

  *failed(): Generator<FailedObject> {
    for (const [key, { error, attempts, nextRetryMs }] of this.failures)
      yield { namespace: this.name, key, error, attempts, nextRetryMs };
  }

  /** When the first failed object is to be tried again; `undefined` when there is none. */
  nextRetryMs(mayDelete: boolean): number | undefined {
    let next: number | undefined;
    for (const [key, { nextRetryMs }] of this.failures)
      if (mayDelete || this.desired.has(key)) next = Math.min(next ?? nextRetryMs, nextRetryMs);
    return next;
  }

  /** Whether a pass has something to compare or to try here. */
  hasWork(nowMs: number, mayDelete: boolean): boolean {
    if (this.believed === undefined) return true;
    for (const key of this.marked) {
      if (!this.desired.has(key) && !mayDelete) continue;
      if ((this.failures.get(key)?.nextRetryMs ?? 0) <= nowMs) return true;
    }
    return false;
  }

  private mark(object: KernelObject, change: (key: ObjectKey) => void): void {
    const key = objectKey(object);
    change(key);
    this.marked.add(key);
  }

  private isDeletable(key: ObjectKey): boolean {
    const object = this.believed?.get(key);
    return object !== undefined && object.kind !== 'sysctl';
  }

  /** Marked keys; where a link goes or comes, all that stands on it as well. */
  private keysToCompare(believed: ReadonlyMap<ObjectKey, KernelObject>): Set<ObjectKey> {
    const keys = new Set(this.marked);
    const links = new Set<string>();
    for (const key of this.marked) {
      if (!key.startsWith('link/')) continue;
      const want = this.desired.get(key);
      const is = believed.get(key);
      if (want === undefined ? is !== undefined : isLostLink(is, want))
        links.add(key.slice('link/'.length));
    }
    if (links.size === 0) return keys;
    for (const objects of [believed, this.desired])
      for (const [key, object] of objects) if (links.has(linkOf(object) ?? '')) keys.add(key);
    return keys;
  }

  /** What failed for want of the link need not wait. */
  private linkCame(link: LinkObject): void {
    for (const [key, { object }] of this.failures)
      if (linkOf(object) === link.name) this.failures.delete(key);
  }

  private dropRows(link: string): void {
    for (const [key, object] of this.believed ?? [])
      if (linkOf(object) === link && object.kind !== 'link') this.believed?.delete(key);
  }

  private markRows(link: string): void {
    for (const [key, object] of this.desired) if (linkOf(object) === link) this.marked.add(key);
  }
}

/** Objects of one list that are not in the other, by identity. */
function changes(
  before: readonly KernelObject[],
  after: readonly KernelObject[],
): { readonly gone: KernelObject[]; readonly come: KernelObject[] } {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const was = new Set(before.slice(head, before.length - tail));
  const is = new Set(after.slice(head, after.length - tail));
  return {
    gone: [...was].filter((object) => !is.has(object)),
    come: [...is].filter((object) => !was.has(object)),
  };
}

function vethsOf(objects: readonly KernelObject[]): Map<NamespaceName, Set<string>> {
  const veths = new Map<NamespaceName, Set<string>>();
  for (const object of objects) {
    if (object.kind !== 'link' || object.type !== 'veth') continue;
    const names = veths.get(object.peerNamespace) ?? new Set();
    veths.set(object.peerNamespace, names.add(object.name));
  }
  return veths;
}

function isLostLink(is: KernelObject | undefined, want: KernelObject): boolean {
  return want.kind === 'link' && want.type !== 'loopback' && losesDependents(is, want);
}
