/**
 * The loop that holds the kernel to the plan: observe, compare, apply, remember, look again.
 *
 * It is level-triggered: a new plan, a foreign change, a failure's retry time and a timer all
 * lead to the same pass over the namespaces that may differ, one pass at a time. What the kernel
 * refuses gets a status and a retry time of its own and stops nothing else. Nothing is deleted
 * before a plan is complete, because only then is "not planned" the same as "not wanted"; until
 * then an agent that starts with half of its view only adds.
 */
import { messageOf } from '../../base/index.ts';
import {
  HOST_NAMESPACE,
  isPlannedNamespace,
  losesDependents,
  type KernelFailure,
  type KernelObject,
  type NamespaceName,
  type Operation,
  type OperationOutcome,
  type Plan,
} from '../../dataplane/index.ts';
import { ConvergenceWaiters } from './convergence.ts';
import { NO_OUTCOME, failureOf, type FailedObject } from './errors.ts';
import { NamespaceKeeper } from './namespace-keeper.ts';
import { SYSTEM_TIMERS, type ReconcilerOptions, type Timers } from './options.ts';

const RESYNC_MS = 30_000;
const CONVERGE_DEADLINE_MS = 20_000;
/** Namespaces looked at again per pass for no other reason than their age. */
const RESYNC_PER_PASS = 32;
const PASS_GAP_MS = 50;
/** Watches hold two sockets each; namespaces beyond are found changed by the resync alone. */
const WATCHES_MAX = 256;
/** A refusal is often gone by the next attempt; at this one somebody should look. */
const WARN_AT_ATTEMPT = 4;
const STRAY_RETRY_MS = 1000;

export class Reconciler {
  private readonly options: ReconcilerOptions;
  private readonly timers: Timers;
  private readonly resyncMs: number;
  private readonly keepers = new Map<NamespaceName, NamespaceKeeper>();
  private readonly waiters: ConvergenceWaiters;
  /** Namespaces to delete. */
  private readonly strays = new Set<NamespaceName>();
  /** Namespaces that existed when the first plan came; consumed by the first complete one. */
  private inherited: Promise<readonly NamespaceName[]> | undefined;
  private hasInherited = false;
  private isComplete = false;
  private watches = 0;
  private pass: Promise<void> | undefined;
  private isPassDue = false;
  private isClosed = false;
  private cancelTimer: (() => void) | undefined;

  constructor(options: ReconcilerOptions) {
    this.options = options;
    this.timers = options.timers ?? SYSTEM_TIMERS;
    this.resyncMs = options.resyncMs ?? RESYNC_MS;
    this.waiters = new ConvergenceWaiters(
      {
        isConverged: (namespaces) => this.isConverged(namespaces),
        failed: (namespaces) => this.failed(namespaces),
      },
      this.timers,
    );
  }

  /**
   * Replaces what is wanted. Without `isComplete` nothing is deleted that the plan does not name.
   */
  setPlan(plan: Plan, { isComplete }: { readonly isComplete: boolean }): void {
    // Asked now, while the plan is fresh: a namespace made later may belong to a plan that is
    // still to come.
    this.inherited ??= this.listInherited();
    this.isComplete = isComplete;
    for (const [name, objects] of plan) {
      this.strays.delete(name);
      this.keeper(name).state.want(objects);
    }
    if (isComplete) {
      if (!plan.has(HOST_NAMESPACE)) this.keeper(HOST_NAMESPACE).state.want([]);
      for (const name of this.keepers.keys())
        if (name !== HOST_NAMESPACE && !plan.has(name)) this.abandon(name);
    }
    this.wake();
  }

  /** The namespace may have been changed by somebody else: looks at it again soon. */
  markSuspect(namespace: NamespaceName): void {
    this.keepers.get(namespace)?.suspect();
    this.wake();
  }

  /**
   * Resolves when the namespaces are planned and hold what is planned, links into them from
   * others included; with an empty list, when all do and nothing is left to delete. Rejects with
   * `ReconcileError` after the deadline.
   */
  whenConverged(
    namespaces: NamespaceName | readonly NamespaceName[],
    deadlineMs = CONVERGE_DEADLINE_MS,
  ): Promise<void> {
    const names = typeof namespaces === 'string' ? [namespaces] : namespaces;
    return this.waiters.wait(names, deadlineMs);
  }

  /** What the kernel refuses at present, of the given namespaces or of all. */
  failed(namespaces: readonly NamespaceName[] = []): FailedObject[] {
    const names = namespaces.length > 0 ? namespaces : [...this.keepers.keys()];
    return names.flatMap((name) => this.keepers.get(name)?.failed() ?? []);
  }

  /** Stops looking; the kernel keeps what it has. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.cancelTimer?.();
    this.waiters.close();
    await this.pass;
    for (const keeper of this.keepers.values()) this.unwatch(keeper);
  }

  private async listInherited(): Promise<readonly NamespaceName[]> {
    try {
      return await this.options.kernel.namespaces();
    } catch (error) {
      const fields = { error: messageOf(error) };
      this.options.logger.warn(fields, 'cannot list namespaces; those left over stay');
      return [];
    }
  }

  private keeper(name: NamespaceName): NamespaceKeeper {
    const known = this.keepers.get(name);
    if (known !== undefined) return known;
    const keeper = new NamespaceKeeper(name);
    keeper.exists = name === HOST_NAMESPACE;
    this.keepers.set(name, keeper);
    return keeper;
  }

  private abandon(name: NamespaceName): void {
    const keeper = this.keepers.get(name);
    if (keeper !== undefined) this.unwatch(keeper);
    this.keepers.delete(name);
    this.strays.add(name);
  }

  private wake(): void {
    this.isPassDue = true;
    if (this.isClosed || this.pass !== undefined) return;
    this.pass = Promise.resolve()
      .then(() => this.run())
      .finally(() => {
        this.pass = undefined;
        if (this.isPassDue) this.wake();
      });
  }

  /** Passes until nothing asks for another one. */
  private async run(): Promise<void> {
    this.cancelTimer?.();
    while (this.isPassDue && !this.isClosed) {
      this.isPassDue = false;
      const startedMs = this.nowMs();
      await this.runPass();
      this.options.metrics?.passed((this.nowMs() - startedMs) / 1000);
      this.waiters.check();
    }
    this.sleep();
  }

  private async runPass(): Promise<void> {
    await this.prune();
    let aged = 0;
    for (const keeper of this.inDependencyOrder()) {
      if (this.isClosed) return;
      const nowMs = this.nowMs();
      const { isObserved } = keeper.state;
      if (keeper.retryMs > nowMs || !this.isKept(keeper)) continue;
      const isAged = keeper.lookDueMs(this.resyncMs) <= nowMs && aged < RESYNC_PER_PASS;
      if (isObserved && !isAged && !keeper.state.hasWork(nowMs, this.isComplete)) continue;
      if (isObserved && isAged) aged += 1;
      await this.reconcile(keeper, !isObserved || isAged);
    }
  }

  /** Whether the plan still has the namespace; it may have changed during a pass. */
  private isKept(keeper: NamespaceKeeper): boolean {
    return this.keepers.get(keeper.name) === keeper;
  }

  /** First those whose links reach into others. */
  private inDependencyOrder(): NamespaceKeeper[] {
    const rank = ({ name, state }: NamespaceKeeper): number =>
      name === HOST_NAMESPACE ? 0 : state.hasVeths ? 1 : 2;
    const keepers = [...this.keepers.values()];
    // The far ends of links are made with them: every namespace is there before the first link.
    return keepers.sort((one, other) => rank(one) - rank(other));
  }

  private async reconcile(keeper: NamespaceKeeper, isLookDue: boolean): Promise<void> {
    const { state } = keeper;
    try {
      await this.ensurePeers(keeper);
      if (isLookDue) await this.look(keeper);
      const operations = state.operations(this.nowMs(), this.isComplete);
      if (operations.length > 0) await this.apply(keeper, operations);
      keeper.succeed();
    } catch (error) {
      this.lose(keeper, error);
    }
  }

  private async apply(keeper: NamespaceKeeper, operations: readonly Operation[]): Promise<void> {
    keeper.applying();
    try {
      const outcomes = await this.options.kernel.apply(keeper.name, operations);
      for (const [at, operation] of operations.entries())
        this.settle(keeper, operation, outcomes[at]);
    } finally {
      keeper.applied(this.nowMs());
    }
  }

  /** The namespace itself, and those that its links reach into. */
  private async ensurePeers(keeper: NamespaceKeeper): Promise<void> {
    await this.ensure(keeper);
    for (const name of keeper.state.peerNamespaces()) {
      const peer = this.keepers.get(name);
      if (peer?.exists === false) await this.ensure(peer);
    }
  }

  private async ensure(keeper: NamespaceKeeper): Promise<void> {
    if (!keeper.exists) await this.options.kernel.createNamespace(keeper.name);
    keeper.exists = true;
    if (this.isKept(keeper)) this.ensureWatch(keeper);
  }

  private ensureWatch(keeper: NamespaceKeeper): void {
    const { watch, logger } = this.options;
    if (watch === undefined || keeper.watch !== undefined || this.watches >= WATCHES_MAX) return;
    const onChange = (): void => {
      if (keeper.heard(this.nowMs()) && this.pass === undefined) this.sleep();
    };
    try {
      keeper.watch = watch(keeper.name, { onChange, onOverrun: onChange });
      this.watches += 1;
    } catch (error) {
      const fields = { namespace: keeper.name, error: messageOf(error) };
      logger.debug(fields, 'cannot watch a namespace; it is looked at from time to time');
    }
  }

  private unwatch(keeper: NamespaceKeeper): void {
    if (keeper.watch !== undefined) this.watches -= 1;
    keeper.closeWatch();
  }

  private async look(keeper: NamespaceKeeper): Promise<void> {
    const { state, name } = keeper;
    const startedMs = this.nowMs();
    const request = { sysctls: state.sysctlPaths() };
    const observed = await this.options.kernel.observe(name, request);
    keeper.looked(startedMs, this.nowMs());
    this.countRepairs(name, state.adopt(observed));
  }

  private countRepairs(namespace: NamespaceName, repairs: readonly KernelObject[]): void {
    if (repairs.length === 0) return;
    const kinds = new Map<string, number>();
    for (const { kind } of repairs) {
      this.options.metrics?.repaired(kind);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    const fields = { namespace, found: Object.fromEntries(kinds) };
    this.options.logger.info(fields, 'the kernel differs from what was put there; repairing');
  }

  private settle(
    keeper: NamespaceKeeper,
    operation: Operation,
    outcome: OperationOutcome | undefined,
  ): void {
    const failure = outcome === undefined ? NO_OUTCOME : outcome.ok ? undefined : outcome.error;
    if (failure !== undefined) {
      this.refuse(keeper, operation, failure);
      return;
    }
    keeper.state.succeed(operation);
    const { object } = operation;
    if (object.kind !== 'link' || object.type !== 'veth') return;
    const peer = this.keepers.get(object.peerNamespace);
    if (operation.action === 'delete') peer?.state.peerWent(object.peerName);
    else if (losesDependents(operation.was, object)) peer?.state.peerCame(object.peerName);
    this.isPassDue = true;
  }

  private refuse(keeper: NamespaceKeeper, operation: Operation, error: KernelFailure): void {
    const { object } = operation;
    // What an IPv6 setting would switch off is not there where the kernel has no IPv6.
    if (
      object.kind === 'sysctl' &&
      object.path.startsWith('net/ipv6/') &&
      error.code === 'ENOENT'
    ) {
      keeper.state.excuse(operation);
      return;
    }
    const attempts = keeper.state.fail(operation, error, this.nowMs());
    const fields = { namespace: keeper.name, action: operation.action, ...error, attempts };
    const { logger } = this.options;
    if (attempts === WARN_AT_ATTEMPT) logger.warn(fields, 'the kernel refuses an object');
    else logger.debug(fields, 'the kernel refused an object; retrying');
  }

  /** Nothing is known of the namespace any more; whoever has a link into it looks again, too. */
  private lose(keeper: NamespaceKeeper, error: unknown): void {
    const { name } = keeper;
    this.unwatch(keeper);
    keeper.lost();
    keeper.exists = name === HOST_NAMESPACE;
    for (const other of this.keepers.values())
      if (other.state.vethsTo(name).size > 0) other.suspect();
    const failure = failureOf(error);
    const attempts = keeper.fail(failure, this.nowMs());
    const fields = { namespace: name, ...failure, attempts };
    if (attempts === WARN_AT_ATTEMPT) this.options.logger.warn(fields, 'cannot reach a namespace');
    else this.options.logger.debug(fields, 'cannot reach a namespace; retrying');
  }

  private async prune(): Promise<void> {
    if (!this.isComplete) return;
    if (!this.hasInherited) {
      for (const name of (await this.inherited) ?? [])
        if (isPlannedNamespace(name) && !this.keepers.has(name)) this.strays.add(name);
      this.hasInherited = true;
    }
    for (const name of this.strays) {
      try {
        await this.options.kernel.deleteNamespace(name);
        this.strays.delete(name);
      } catch (error) {
        const fields = { namespace: name, error: messageOf(error) };
        this.options.logger.warn(fields, 'cannot delete a namespace; trying again');
      }
    }
  }

  private isConverged(namespaces: readonly NamespaceName[]): boolean {
    if (namespaces.length > 0) return namespaces.every((name) => this.isNamespaceConverged(name));
    const isPruned = !this.isComplete || (this.hasInherited && this.strays.size === 0);
    return (
      isPruned && [...this.keepers.values()].every(({ state }) => !state.isPending(this.isComplete))
    );
  }

  private isNamespaceConverged(name: NamespaceName): boolean {
    const keeper = this.keepers.get(name);
    if (keeper === undefined || keeper.state.isPending(this.isComplete)) return false;
    for (const { state } of this.keepers.values()) {
      const links = state.vethsTo(name);
      if (links.size > 0 && state.isPending(this.isComplete, links)) return false;
    }
    return true;
  }

  /** Sets the alarm for the next thing that time alone makes due. */
  private sleep(): void {
    if (this.isClosed) return;
    this.cancelTimer?.();
    const nowMs = this.nowMs();
    let dueMs = nowMs + this.resyncMs;
    for (const keeper of this.keepers.values()) {
      const lookMs = keeper.lookDueMs(this.resyncMs);
      const retryMs = keeper.state.nextRetryMs(this.isComplete) ?? lookMs;
      dueMs = Math.min(dueMs, Math.max(keeper.retryMs, Math.min(lookMs, retryMs)));
    }
    if (this.strays.size > 0 && this.isComplete) dueMs = Math.min(dueMs, nowMs + STRAY_RETRY_MS);
    const delayMs = Math.max(PASS_GAP_MS, dueMs - nowMs);
    this.cancelTimer = this.timers.after(delayMs, () => this.wake());
  }

  private nowMs(): number {
    return this.options.clock.monotonicMs();
  }
}
