import type { Node, Task } from './objects.ts';

/**
 * Docker's name of a task: `<service>.<slot>.<task id>`, for a global service `<service>.<node
 * id>.<task id>`.
 */
export function taskName(task: Pick<Task, 'id' | 'serviceName' | 'slot' | 'nodeId'>): string {
  const place = task.slot > 0 ? String(task.slot) : (task.nodeId ?? '');
  return `${task.serviceName}.${place}.${task.id}`;
}

/** Labels that Docker puts on a task's container, the operator's own first. */
export function containerLabels(task: Task): Readonly<Record<string, string>> {
  return {
    ...task.spec.ContainerSpec.Labels,
    'com.docker.swarm.node.id': task.nodeId ?? '',
    'com.docker.swarm.service.id': task.serviceId,
    'com.docker.swarm.service.name': task.serviceName,
    'com.docker.swarm.task': '',
    'com.docker.swarm.task.id': task.id,
    'com.docker.swarm.task.name': taskName(task),
  };
}

/**
 * Fills the placeholders that Docker allows in a service's hostname, environment and mounts:
 * `{{.Service.Name}}`, `{{.Service.ID}}`, `{{.Node.ID}}`, `{{.Node.Hostname}}`, `{{.Task.ID}}`,
 * `{{.Task.Name}}`, `{{.Task.Slot}}`. Anything else in braces stays as it is.
 */
export function expandPlaceholders(
  text: string,
  task: Task,
  node: Pick<Node, 'id' | 'description'> | undefined,
): string {
  const values: Readonly<Record<string, string>> = {
    'Service.Name': task.serviceName,
    'Service.ID': task.serviceId,
    'Node.ID': task.nodeId ?? '',
    'Node.Hostname': node?.description.hostname ?? '',
    'Task.ID': task.id,
    'Task.Name': taskName(task),
    'Task.Slot': String(task.slot),
  };
  return text.replace(/\{\{\s*\.([A-Za-z.]+)\s*\}\}/g, (whole, name: string) => {
    return Object.hasOwn(values, name) ? (values[name] as string) : whole;
  });
}

/**
 * What a task's container is called inside: the spec's hostname, else the short id of its
 * container.
 */
export function taskHostname(
  task: Task,
  node: Pick<Node, 'id' | 'description'> | undefined,
): string {
  const wanted = task.spec.ContainerSpec.Hostname;
  if (wanted !== undefined && wanted !== '') return expandPlaceholders(wanted, task, node);
  return (task.status.containerId ?? task.id).slice(0, 12);
}
