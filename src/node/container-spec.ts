/** Turns a task into what the runtime runs. */
import { createHash } from 'node:crypto';
import type { NodeId, Task, TaskId } from '../model/index.ts';
import type { ContainerSpec } from '../runtime/index.ts';

export interface ContainerContext {
  readonly nodeId: NodeId;
  readonly nodeHostname: string;
  readonly networkNamespacePath: string;
  readonly resolvConf: string;
  /** Content of /etc/hosts for a container of this hostname. */
  readonly hostsFile: (hostname: string) => string;
}

const STOP_GRACE_DEFAULT_MS = 10_000;

/**
 * A task's container id: derived, so that an agent that starts anew knows which container is whose.
 */
export function containerIdOf(taskId: TaskId): string {
  return createHash('sha256').update(`hawser task ${taskId}`).digest('hex');
}

/**
 * `<service>.<slot>.<task id>`; global services have their node's id for a slot. Docker's name of a
 * task's container.
 */
export function taskName(task: Task): string {
  return `${task.serviceName}.${task.slot === 0 ? (task.nodeId ?? '') : task.slot}.${task.id}`;
}

/** The hostname a task's container has: what was asked for, else the short container id. */
export function hostnameOf(
  task: Task,
  context: Pick<ContainerContext, 'nodeId' | 'nodeHostname'>,
): string {
  const asked = task.spec.ContainerSpec.Hostname;
  return asked ? expandTemplate(asked, task, context) : containerIdOf(task.id).slice(0, 12);
}

export function containerSpecOf(task: Task, context: ContainerContext): ContainerSpec {
  const asked = task.spec.ContainerSpec;
  const limits = task.spec.Resources?.Limits;
  const hostname = hostnameOf(task, context);
  const dns = {
    networkNamespacePath: context.networkNamespacePath,
    resolvConf: context.resolvConf,
  };
  return {
    id: containerIdOf(task.id),
    name: taskName(task),
    image: asked.Image,
    ...(asked.Command ? { command: asked.Command } : {}),
    ...(asked.Args ? { args: asked.Args } : {}),
    env: (asked.Env ?? []).map((entry) => expandTemplate(entry, task, context)),
    ...(asked.Dir ? { workingDirectory: asked.Dir } : {}),
    ...(asked.User ? { user: asked.User } : {}),
    ...(asked.Groups ? { groups: asked.Groups } : {}),
    hasTty: asked.TTY ?? false,
    isReadOnly: asked.ReadOnly ?? false,
    mounts: (asked.Mounts ?? []).map((mount) =>
      mount.Source ? { ...mount, Source: expandTemplate(mount.Source, task, context) } : mount,
    ),
    ...dns,
    hostname,
    hostsFile: context.hostsFile(hostname),
    ...(asked.StopSignal ? { stopSignal: asked.StopSignal } : {}),
    stopGraceMs:
      asked.StopGracePeriod === undefined ? STOP_GRACE_DEFAULT_MS : asked.StopGracePeriod / 1e6,
    ...(limits?.MemoryBytes ? { memoryBytes: limits.MemoryBytes } : {}),
    ...(limits?.NanoCPUs ? { nanoCpus: limits.NanoCPUs } : {}),
    ...(limits?.Pids ? { pids: limits.Pids } : {}),
    capabilityAdd: asked.CapabilityAdd ?? [],
    capabilityDrop: asked.CapabilityDrop ?? [],
    sysctls: asked.Sysctls ?? {},
    ulimits: (asked.Ulimits ?? []).map((limit) => ({
      name: limit.Name,
      soft: limit.Soft,
      hard: limit.Hard,
    })),
    labels: { ...asked.Labels, ...swarmLabels(task) },
  };
}

/** Labels that Docker puts on a task's container, and that its CLI and other tools read. */
function swarmLabels(task: Task): Record<string, string> {
  return {
    'com.docker.swarm.node.id': task.nodeId ?? '',
    'com.docker.swarm.service.id': task.serviceId,
    'com.docker.swarm.service.name': task.serviceName,
    'com.docker.swarm.task': '',
    'com.docker.swarm.task.id': task.id,
    'com.docker.swarm.task.name': taskName(task),
  };
}

/**
 * Fills in Docker's placeholders (`{{.Node.Hostname}}`, `{{.Task.Slot}}`, …); unknown ones stay as
 * they are.
 */
function expandTemplate(
  text: string,
  task: Task,
  context: Pick<ContainerContext, 'nodeId' | 'nodeHostname'>,
): string {
  const values: Readonly<Record<string, string>> = {
    'Service.ID': task.serviceId,
    'Service.Name': task.serviceName,
    'Node.ID': context.nodeId,
    'Node.Hostname': context.nodeHostname,
    'Task.ID': task.id,
    'Task.Name': taskName(task),
    'Task.Slot': String(task.slot),
  };
  return text.replace(
    /\{\{\s*\.([A-Za-z.]+)\s*\}\}/g,
    (whole, name: string) => values[name] ?? whole,
  );
}
