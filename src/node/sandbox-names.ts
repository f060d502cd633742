/** Names in sandboxes: what each container's files say, and which of them the resolver serves. */
import { join } from 'node:path';
import { buildHostsFile, buildResolvConf, type ResolvConf } from '../dns/index.ts';
import type { NamespaceName } from '../dataplane/index.ts';
import {
  addressesOf,
  type NetworkId,
  type NodeView,
  type ServiceTask,
  type Task,
  type TaskId,
} from '../model/index.ts';
import type { Resolver, ResolverPorts } from './resolver/index.ts';
import type { Sandbox } from './sandboxes.ts';

export interface SandboxNamesOptions {
  readonly resolver: Resolver;
  readonly runDirectory: string;
  /** Content of the host's resolv.conf as it is at the time. */
  readonly readHostResolvConf: () => string;
}

interface Served {
  readonly namespace: NamespaceName;
  readonly networks: readonly NetworkId[];
  readonly conf: ResolvConf;
}

export class SandboxNames {
  private readonly options: SandboxNamesOptions;

  constructor(options: SandboxNamesOptions) {
    this.options = options;
  }

  /** Answers from this view from here on. */
  update(view: NodeView | undefined): void {
    if (view !== undefined) this.options.resolver.update(view);
  }

  /** Resolves when containers are answered from the view of the last update. */
  whenServed(): Promise<void> {
    return this.options.resolver.whenServed();
  }

  /** Ensures that only these of an earlier agent's sandboxes are served. */
  retain(taskIds: ReadonlySet<string>): Promise<void> {
    return this.options.resolver.retain(taskIds);
  }

  /** Called when ports of sandboxes are others than they were. */
  onPortsChanged(listener: () => void): void {
    this.options.resolver.onPortsChanged = listener;
  }

  /** Ensures that the sandbox, whose namespace exists, is served. Throws `ResolverError`. */
  async open(sandbox: Sandbox, task: Task | undefined): Promise<void> {
    const networks = (task?.attachments ?? []).map(({ networkId }) => networkId);
    const { taskId, namespace } = sandbox;
    await this.serve(taskId, { namespace, networks, conf: this.confOf(task) });
  }

  /** Likewise for a namespace that was joined; networks of an earlier call are replaced. */
  async openJoint(namespace: NamespaceName, networks: readonly NetworkId[]): Promise<void> {
    await this.serve(namespace, { namespace, networks, conf: this.confOf(undefined) });
  }

  async close(id: TaskId | NamespaceName): Promise<void> {
    await this.options.resolver.close(id);
  }

  /** Where port 53 leads in there; absent while it is not served. */
  portsOf(id: TaskId | NamespaceName): ResolverPorts | undefined {
    return this.options.resolver.portsOf(id);
  }

  private async serve(
    id: TaskId | NamespaceName,
    { namespace, networks, conf }: Served,
  ): Promise<void> {
    await this.options.resolver.open(id, {
      networkNamespacePath: join(this.options.runDirectory, 'netns', namespace),
      asker: { networks, hasNdots: conf.hasNdots },
      upstreams: conf.upstreams,
    });
  }

  resolvConf(task: ServiceTask): string {
    return this.confOf(task).file;
  }

  hostsFile(task: ServiceTask, hostname: string): string {
    return buildHostsFile({
      hostname,
      addresses: task.attachments.flatMap(addressesOf),
      extraHosts: task.spec.ContainerSpec.Hosts ?? [],
    });
  }

  private confOf(task: Task | undefined): ResolvConf {
    return buildResolvConf(
      this.options.readHostResolvConf(),
      task?.spec.ContainerSpec?.DNSConfig ?? {},
    );
  }
}
