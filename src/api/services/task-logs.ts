/** `services/{id}/logs` and `tasks/{id}/logs`: output of tasks wherever they run, as one stream. */
import type { TaskLogEntry, TaskLogQuery } from '../../cluster/index.ts';
import type { Task, TaskId } from '../../model/index.ts';
import type { Backend } from '../backend.ts';
import type { Exchange, Reply, Route } from '../http/exchange.ts';
import { flag, param } from '../http/exchange.ts';
import { logDetails, logOptions, writeLogs } from '../containers/log-stream.ts';
import { managerOf } from '../swarm/access.ts';
import { findService } from './services.ts';
import { findTask } from './tasks.ts';

export function taskLogRoutes(backend: Backend): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/services/:id/logs',
      handle: (exchange) => serviceLogs(backend, exchange),
    },
    {
      method: 'GET',
      path: '/tasks/:id/logs',
      handle: (exchange) => stream(backend, exchange, [findTask(backend, param(exchange, 'id'))]),
    },
  ];
}

function serviceLogs(backend: Backend, exchange: Exchange): Promise<Reply> {
  const service = findService(backend, param(exchange, 'id'));
  const tasks = managerOf(backend).store.tasksByService(service.id);
  return stream(backend, exchange, tasks);
}

function stream(backend: Backend, exchange: Exchange, tasks: readonly Task[]): Promise<Reply> {
  const options = logOptions(exchange.query, backend.clock.wallMs());
  const query: TaskLogQuery = { ...options, signal: exchange.signal };
  const detailsByTask = new Map<TaskId, string>(
    tasks.map((task) => [task.id, logDetails(contextOf(task))]),
  );
  const hasDetails = flag(exchange.query, 'details');
  return writeLogs(exchange, managerOf(backend).taskLogs(tasks, query), {
    hasTty: tasks.length > 0 && tasks.every((task) => task.spec.ContainerSpec.TTY === true),
    hasTimestamps: options.hasTimestamps,
    ...(hasDetails
      ? { detailsOf: (entry: TaskLogEntry) => detailsByTask.get(entry.taskId) ?? '' }
      : {}),
  });
}

function contextOf(task: Task): Readonly<Record<string, string>> {
  return {
    'com.docker.swarm.node.id': task.nodeId ?? '',
    'com.docker.swarm.service.id': task.serviceId,
    'com.docker.swarm.task.id': task.id,
  };
}
