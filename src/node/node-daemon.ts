/**
 * Holds a node to its view: every change of the view, of a container or of a sandbox leads to the
 * same two things, a fresh plan for the kernel and a look at each task.
 */
import { join } from 'node:path';
import { messageOf, type Clock, type Logger } from '../base/index.ts';
import type { ClusterMember } from '../cluster/index.ts';
import { Planner, type LocalPlan, type Plan } from '../dataplane/index.ts';
import type { NodeView, Task, TaskId } from '../model/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { containerIdOf, containerSpecOf, hostnameOf } from './container-spec.ts';
import { Acknowledgements, type Reconciler } from './reconcile/index.ts';
import type { SandboxNames } from './sandbox-names.ts';
import type { Sandbox, SandboxTable } from './sandboxes.ts';
import { TaskRunner, type TaskDeps, type TaskNetwork } from './task-runner.ts';

export interface NodeDaemonOptions {
  readonly member: ClusterMember;
  readonly runtime: Runtime;
  readonly reconciler: Reconciler;
  readonly sandboxes: SandboxTable;
  /** Names, hosts file and resolver of each sandbox. */
  readonly names: SandboxNames;
  readonly runDirectory: string;
  readonly hostname: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * Ensures a namespace exists, so that sockets can be opened in it before the plan that tells of
   * them.
   */
  readonly ensureNamespace: (name: string) => Promise<void>;
}

export class NodeDaemon implements TaskNetwork {
  private readonly options: NodeDaemonOptions;
  private readonly runners = new Map<TaskId, TaskRunner>();
  private readonly unsubscribe: (() => void)[] = [];
  private readonly planner = new Planner();
  private readonly acknowledgements: Acknowledgements;
  private view: NodeView | undefined;
  private isPlanDue = false;

  constructor(options: NodeDaemonOptions) {
    const { reconciler, member } = options;
    this.options = options;
    this.acknowledgements = new Acknowledgements({
      whenConverged: (namespaces) => reconciler.whenConverged(namespaces),
      acknowledge: (networkId, revision) => member.acknowledge(networkId, revision),
    });
  }

  /** Adopts what an earlier agent left, then follows the view. */
  async start(): Promise<void> {
    const { member, runtime, sandboxes, names } = this.options;
    this.view = member.view;
    for (const sandbox of sandboxes.values()) await this.serveNames(sandbox);
    this.unsubscribe.push(
      member.onView((view) => this.follow(view)),
      runtime.onChange((id) => this.wakeOwnerOf(id)),
    );
    names.update(this.view);
    this.follow(this.view);
  }

  close(): void {
    for (const unsubscribe of this.unsubscribe) unsubscribe();
    this.acknowledgements.close();
    for (const runner of this.runners.values()) runner.close();
  }

  has(taskId: TaskId): boolean {
    return this.options.sandboxes.get(taskId) !== undefined;
  }

  async attach(task: Task): Promise<void> {
    const sandbox = await this.options.sandboxes.ensure(task.id);
    await this.openNames(sandbox);
    this.replan();
    const overlays = task.attachments.map((attachment) => `n-${attachment.networkId.slice(0, 12)}`);
    await this.options.reconciler.whenConverged([sandbox.namespace, ...overlays]);
  }

  async release(taskId: TaskId): Promise<void> {
    await this.options.names.close(taskId);
    await this.options.sandboxes.remove(taskId);
    this.replan();
  }

  /**
   * Serves names in a sandbox of an earlier agent. One whose task is not known yet has to wait:
   * without networks, every local name would be asked outside.
   */
  private async serveNames(sandbox: Sandbox): Promise<void> {
    const { names, logger } = this.options;
    const isServed = names.portsOf(sandbox.taskId) !== undefined;
    if (isServed || this.taskOf(sandbox.taskId) === undefined) return;
    try {
      await this.openNames(sandbox);
      this.replan();
    } catch (error) {
      const fields = { taskId: sandbox.taskId, error: messageOf(error) };
      logger.warn(fields, 'cannot serve names in an adopted sandbox');
    }
  }

  private async openNames(sandbox: Sandbox): Promise<void> {
    await this.options.ensureNamespace(sandbox.namespace);
    await this.options.names.open(sandbox, this.taskOf(sandbox.taskId));
  }

  private taskOf(taskId: TaskId): Task | undefined {
    return this.view?.assignments.get(taskId)?.task;
  }

  private follow(view: NodeView | undefined): void {
    this.view = view;
    this.options.names.update(view);
    for (const sandbox of this.options.sandboxes.values()) void this.serveNames(sandbox);
    this.replan();
    const wanted = view?.assignments;
    for (const taskId of wanted?.keys() ?? []) this.ensureRunner(taskId);
    for (const container of this.options.runtime.list()) {
      const taskId = container.spec.labels['com.docker.swarm.task.id'] as TaskId | undefined;
      if (taskId !== undefined) this.ensureRunner(taskId);
    }
    for (const sandbox of this.options.sandboxes.values()) this.ensureRunner(sandbox.taskId);
    const isRemembered = this.isViewRemembered();
    for (const [taskId, runner] of this.runners)
      runner.want(wanted?.get(taskId)?.task, { isRemembered });
  }

  private ensureRunner(taskId: TaskId): void {
    if (this.runners.has(taskId)) return;
    this.runners.set(taskId, new TaskRunner(taskId, this.taskDeps()));
  }

  private taskDeps(): TaskDeps {
    const { runtime, clock, logger, member } = this.options;
    return {
      runtime,
      network: this,
      clock,
      logger,
      specOf: async (task) => this.specOf(task),
      report: (id, status) => member.report([{ id, status }]),
      onForgotten: (taskId) => this.runners.delete(taskId),
    };
  }

  private specOf(task: Task): ReturnType<typeof containerSpecOf> {
    const { names, hostname, runDirectory, member } = this.options;
    const sandbox = this.options.sandboxes.get(task.id);
    const context = {
      nodeId: this.view?.selfId ?? member.status().nodeId ?? ('' as never),
      nodeHostname: hostname,
      networkNamespacePath: join(runDirectory, 'netns', sandbox?.namespace ?? ''),
    };
    return containerSpecOf(task, {
      ...context,
      resolvConf: names.resolvConf(task),
      hostsFile: () => names.hostsFile(task, hostnameOf(task, context)),
    });
  }

  private wakeOwnerOf(containerId: string): void {
    for (const [taskId, runner] of this.runners) {
      if (containerIdOf(taskId) === containerId) runner.wake();
    }
  }

  /** Makes one plan for all changes of this turn of the event loop. */
  private replan(): void {
    if (this.isPlanDue) return;
    this.isPlanDue = true;
    setImmediate(() => {
      this.isPlanDue = false;
      const plan = this.currentPlan();
      this.options.reconciler.setPlan(plan, { isComplete: this.isPlanComplete() });
      if (this.view !== undefined) this.acknowledgements.planned(this.view, plan);
    });
  }

  /** No view at all is one that was lost, unless this node is in no cluster. */
  private isViewRemembered(): boolean {
    if (this.view !== undefined) return this.view.isRemembered === true;
    return this.options.member.status().state !== 'inactive';
  }

  private isPlanComplete(): boolean {
    if (!this.isViewRemembered()) return true;
    if (this.view === undefined) return false;
    // A sandbox that is newer than the view has links and rows that no plan of it names.
    const { sandboxes } = this.options;
    return sandboxes.values().every(({ taskId }) => this.taskOf(taskId) !== undefined);
  }

  private currentPlan(): Plan {
    return this.view === undefined
      ? new Map()
      : this.planner.plan({ view: this.view, local: this.localPlan() });
  }

  private localPlan(): LocalPlan {
    const { sandboxes, names } = this.options;
    return {
      sandboxes: sandboxes.values().map((sandbox) => {
        const ports = names.portsOf(sandbox.taskId);
        return {
          ...sandbox,
          ...(ports ? { resolverPorts: { udp: ports.udpPort, tcp: ports.tcpPort } } : {}),
        };
      }),
      gateway: {
        prefix: sandboxes.prefix,
        address: sandboxes.bridgeAddress,
        ingressAddress: sandboxes.ingressAddress,
      },
    };
  }
}
