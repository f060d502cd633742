/**
 * A client that writes throughout: some lanes side by side, each with one service of its own at a
 * time, whose label is the list of what was written. Each step reads through one random manager and
 * writes through another, again and again until it is acknowledged.
 *
 * Only the lane changes its service, so three things must never happen, and are noted as faults: a
 * read that lacks what was acknowledged; a first attempt that is told of a conflict (the cluster
 * made the change twice, or made one it had refused); a list that holds something twice.
 */
import { ApiError, type ApiClient } from '../../../src/client/index.ts';
import { randomBelow, SeededRng } from '../../../src/base/index.ts';
import { apiOf, IMAGE } from '../lab-fixture.ts';

const LANES = 4;
/** Then the lane goes on with a new service, so that lists stay short and services are created. */
const WRITES_PER_SERVICE = 60;
const CALL_LIMIT_MS = 10_000;
const PAUSE_MS = 25;
/** Docker's words where an update is of an older version, and where a name is taken. */
const CONFLICT = /out of sequence|already exists|name conflicts/;
/** No word of a refusal: the change may have been made. */
const UNKNOWN = /may have been made/;

export interface Ack {
  readonly startedAt: number;
  readonly at: number;
}

interface ServiceDocument {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly Spec: { readonly Labels: { readonly list: string } };
}

type Attempt =
  | { readonly kind: 'done'; readonly answer: unknown }
  | { readonly kind: 'refused' | 'unknown'; readonly reason: string };

/** One service and what its lane knows of it. */
interface Target {
  readonly name: string;
  readonly acknowledged: string[];
  /** Sent, and never answered for certain. */
  readonly open: Set<string>;
}

export class Writer {
  readonly acks: Ack[] = [];
  readonly faults: string[] = [];
  /** Reasons of refusals, counted. */
  readonly refusals = new Map<string, number>();
  readonly #rng: SeededRng;
  readonly #managers: readonly number[];
  readonly #targets: Target[] = [];
  readonly #lanes: Promise<void>[];
  #isStopped = false;

  constructor(managers: readonly number[], seed: number) {
    this.#rng = new SeededRng(seed);
    this.#managers = managers;
    this.#lanes = Array.from({ length: LANES }, (_, lane) => this.#write(lane));
  }

  /** Ends after the steps under way; one that nobody answers is given up. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#lanes);
  }

  /** Compares what the cluster has with what was acknowledged; returns how many writes that is. */
  async check(managers: readonly number[]): Promise<number> {
    for (const manager of managers) {
      const request = { method: 'GET', path: '/services' } as const;
      const all = (await apiOf(manager).call(request)) as (ServiceDocument & {
        readonly Spec: { readonly Name: string };
      })[];
      for (const target of this.#targets) {
        const found = all.filter(({ Spec }) => Spec.Name === target.name);
        if (found.length !== 1) this.#fault(target, `is there ${found.length} times`);
        for (const { Spec } of found) this.#compare(target, idsIn(Spec.Labels.list));
      }
    }
    return this.#targets.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  }

  #isOn(): boolean {
    return !this.#isStopped;
  }

  async #write(lane: number): Promise<void> {
    for (let generation = 0; this.#isOn(); generation += 1) {
      const target = {
        name: `lane-${lane}-${generation}`,
        acknowledged: [],
        open: new Set<string>(),
      };
      if (!(await this.#create(target))) return;
      for (let id = 0; id < WRITES_PER_SERVICE && this.#isOn(); id += 1) {
        await this.#append(target, String(id));
        await pause();
      }
    }
  }

  /** False when it was stopped before anybody answered. */
  async #create(target: Target): Promise<boolean> {
    const TaskTemplate = { ContainerSpec: { Image: IMAGE } };
    const Mode = { Replicated: { Replicas: 0 } };
    const body = { Name: target.name, Labels: { list: '' }, TaskTemplate, Mode };
    for (let isOpen = false; this.#isOn(); await pause()) {
      const startedAt = performance.now();
      const call = { method: 'POST', path: '/services/create', body } as const;
      const attempt = await this.#attempt(call);
      const isThere = attempt.kind === 'refused' && CONFLICT.test(attempt.reason);
      if (isThere && !isOpen) this.#fault(target, `was there before it was made`);
      if (attempt.kind === 'done') this.#acknowledge(startedAt);
      if (attempt.kind === 'done' || isThere) {
        this.#targets.push(target);
        return true;
      }
      isOpen ||= attempt.kind === 'unknown';
    }
    return false;
  }

  async #append(target: Target, id: string): Promise<void> {
    for (; this.#isOn(); await pause()) {
      const read = await this.#attempt({ method: 'GET', path: `/services/${target.name}` });
      if (read.kind !== 'done') continue;
      const service = read.answer as ServiceDocument;
      const ids = idsIn(service.Spec.Labels.list);
      this.#compare(target, ids);
      if (ids.includes(id)) {
        target.open.delete(id);
        target.acknowledged.push(id);
        return;
      }
      const startedAt = performance.now();
      const attempt = await this.#update(service, [...ids, id].join(' '));
      if (attempt.kind === 'done') {
        this.#acknowledge(startedAt);
        target.open.delete(id);
        target.acknowledged.push(id);
        return;
      }
      if (attempt.kind === 'unknown') target.open.add(id);
      else if (CONFLICT.test(attempt.reason) && !target.open.has(id)) {
        this.#fault(target, `was changed by somebody else: ${attempt.reason}`);
      }
    }
  }

  #update({ ID, Version, Spec }: ServiceDocument, list: string): Promise<Attempt> {
    return this.#attempt({
      method: 'POST',
      path: `/services/${ID}/update`,
      query: { version: Version.Index },
      body: { ...Spec, Labels: { list } },
    });
  }

  async #attempt(call: Parameters<ApiClient['call']>[0]): Promise<Attempt> {
    const manager = this.#managers[randomBelow(this.#rng, this.#managers.length)] ?? 1;
    try {
      const signal = AbortSignal.timeout(CALL_LIMIT_MS);
      return { kind: 'done', answer: await apiOf(manager).call({ ...call, signal }) };
    } catch (error) {
      if (!(error instanceof ApiError)) return { kind: 'unknown', reason: String(error) };
      const reason = error.message;
      this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
      const { detail } = error;
      const isRefusal = detail.code === 'refused' && !UNKNOWN.test(reason);
      const isAway =
        detail.code === 'unreachable' && ['ENOENT', 'ECONNREFUSED'].includes(detail.errno);
      return { kind: isRefusal || isAway ? 'refused' : 'unknown', reason };
    }
  }

  #acknowledge(startedAt: number): void {
    this.acks.push({ startedAt, at: performance.now() });
  }

  #compare(target: Target, ids: readonly string[]): void {
    const { acknowledged, open } = target;
    const lost = acknowledged.filter((id) => !ids.includes(id));
    const strange = ids.filter((id) => !acknowledged.includes(id) && !open.has(id));
    if (lost.length > 0) this.#fault(target, `lost ${lost.join()}`);
    if (strange.length > 0) this.#fault(target, `holds ${strange.join()}, which was refused`);
    if (new Set(ids).size < ids.length) this.#fault(target, `holds something twice: ${ids.join()}`);
  }

  #fault({ name }: Target, what: string): void {
    this.faults.push(`${name} ${what}`);
  }
}

const idsIn = (list: string): string[] => list.split(' ').filter((id) => id !== '');

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
