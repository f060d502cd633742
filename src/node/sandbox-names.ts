/** Names in sandboxes: what each container's files say, and which of them the resolver serves. */
import { join } from 'node:path';
import { buildHostsFile, buildResolvConf, type ResolvConf } from '../dns/index.ts';
import type { NodeView, Task, TaskId } from '../model/index.ts';
import type { Resolver, ResolverPorts } from './resolver/index.ts';
import type { Sandbox } from './sandboxes.ts';

export interface SandboxNamesOptions {
  readonly resolver: Resolver;
  readonly runDirectory: string;
  /** Content of the host's resolv.conf as it is at the time. */
  readonly readHostResolvConf: () => string;
}

export class SandboxNames {
  private readonly options: SandboxNamesOptions;
  private readonly ports = new Map<TaskId, ResolverPorts>();

  constructor(options: SandboxNamesOptions) {
    this.options = options;
  }

  /** Answers from this view from here on. */
  update(view: NodeView | undefined): void {
    if (view !== undefined) this.options.resolver.update(view);
  }

  /** Ensures that the sandbox, whose namespace exists, is served. Throws `ResolverError`. */
  async open(sandbox: Sandbox, task: Task | undefined): Promise<void> {
    const conf = this.confOf(task);
    const networks = (task?.attachments ?? []).map(({ networkId }) => networkId);
    const ports = await this.options.resolver.open(sandbox.taskId, {
      networkNamespacePath: join(this.options.runDirectory, 'netns', sandbox.namespace),
      asker: { networks, hasNdots: conf.hasNdots },
      upstreams: conf.upstreams,
    });
    this.ports.set(sandbox.taskId, ports);
  }

  async close(taskId: TaskId): Promise<void> {
    this.ports.delete(taskId);
    await this.options.resolver.close(taskId);
  }

  /** Where the sandbox's port 53 leads; absent while it is not served. */
  portsOf(taskId: TaskId): ResolverPorts | undefined {
    return this.ports.get(taskId);
  }

  resolvConf(task: Task): string {
    return this.confOf(task).file;
  }

  hostsFile(task: Task, hostname: string): string {
    return buildHostsFile({
      hostname,
      addresses: task.attachments.map(({ address }) => address),
      extraHosts: task.spec.ContainerSpec.Hosts ?? [],
    });
  }

  private confOf(task: Task | undefined): ResolvConf {
    return buildResolvConf(
      this.options.readHostResolvConf(),
      task?.spec.ContainerSpec.DNSConfig ?? {},
    );
  }
}
