/** Services and tasks as Docker shows them. */
import type { Service, ServiceSpec, Subnet, Task, UpdateConfig } from '../../model/index.ts';
import { isTerminal } from '../../model/index.ts';
import type { Store } from '../../store/index.ts';
import { attachedNetworkDocument, withPrefixLength } from '../networks/network-documents.ts';
import { metaDocument, rfc3339 } from '../swarm/access.ts';

const SECOND_NS = 1_000_000_000;

export function serviceDocument(service: Service, store: Store): Readonly<Record<string, unknown>> {
  return {
    ...metaDocument(service),
    Spec: service.spec,
    ...(service.previousSpec ? { PreviousSpec: service.previousSpec } : {}),
    Endpoint: {
      Spec: service.spec.EndpointSpec,
      ...(service.ports.length > 0 ? { Ports: service.ports } : {}),
      ...(service.virtualIps.length > 0 ? { VirtualIPs: virtualIps(service, store) } : {}),
    },
  };
}

function virtualIps(service: Service, store: Store): readonly object[] {
  return service.virtualIps.map((vip) => ({
    NetworkID: vip.networkId,
    Addr: withPrefixLength(vip.address, subnetsOf(vip.networkId, store)),
  }));
}

function subnetsOf(
  id: Service['virtualIps'][number]['networkId'],
  store: Store,
): readonly Subnet[] {
  return store.networks.get(id)?.subnets ?? [];
}

/** How many tasks run and how many should, as `service ls` shows. */
export function serviceStatusDocument(service: Service, store: Store): object {
  const tasks = store.tasksByService(service.id);
  const isUp = (task: Task): boolean =>
    task.nodeId !== undefined && store.nodes.get(task.nodeId)?.state !== 'down';
  const wanted = tasks.filter((task) => task.desiredState === 'running');
  const running = wanted.filter((task) => task.status.state === 'running' && isUp(task));
  const { Mode: mode } = service.spec;
  return {
    RunningTasks: running.length,
    DesiredTasks: 'Replicated' in mode ? mode.Replicated.Replicas : wanted.length,
    CompletedTasks: tasks.filter((task) => task.status.state === 'complete').length,
  };
}

const UPDATE_DEFAULTS: UpdateConfig = {
  Parallelism: 1,
  FailureAction: 'pause',
  Monitor: 5 * SECOND_NS,
  MaxFailureRatio: 0,
  Order: 'stop-first',
};

/**
 * The spec with everything that stands for itself when it is not written (`insertDefaults=true`).
 */
export function withInsertedDefaults(spec: ServiceSpec): ServiceSpec {
  const { TaskTemplate: template } = spec;
  return {
    ...spec,
    TaskTemplate: {
      ...template,
      ContainerSpec: {
        ...template.ContainerSpec,
        StopGracePeriod: template.ContainerSpec.StopGracePeriod ?? 10 * SECOND_NS,
        DNSConfig: template.ContainerSpec.DNSConfig ?? {},
      },
      Resources: { Limits: {}, Reservations: {}, ...template.Resources },
      RestartPolicy: {
        Condition: 'any',
        Delay: 5 * SECOND_NS,
        MaxAttempts: 0,
        ...template.RestartPolicy,
      },
      Placement: template.Placement ?? {},
    },
    UpdateConfig: { ...UPDATE_DEFAULTS, ...spec.UpdateConfig },
    RollbackConfig: { ...UPDATE_DEFAULTS, ...spec.RollbackConfig },
  };
}

export function taskDocument(task: Task, store: Store): object {
  return {
    ...metaDocument(task),
    Labels: {},
    Spec: task.spec,
    ServiceID: task.serviceId,
    ...(task.slot > 0 ? { Slot: task.slot } : {}),
    ...(task.nodeId === undefined ? {} : { NodeID: task.nodeId }),
    Status: taskStatusDocument(task),
    DesiredState: task.desiredState,
    NetworksAttachments: task.attachments.flatMap((attachment) => {
      const network = store.networks.get(attachment.networkId);
      if (!network) return [];
      const address = withPrefixLength(attachment.address, network.subnets);
      return [{ Network: attachedNetworkDocument(network), Addresses: [address] }];
    }),
    Volumes: null,
  };
}

function taskStatusDocument(task: Task): object {
  const { status } = task;
  const hostPorts = status.state === 'running' ? task.hostPorts : [];
  return {
    Timestamp: rfc3339(status.atMs),
    State: status.state,
    Message: status.message,
    ...(status.error === undefined || status.error === '' ? {} : { Err: status.error }),
    ...(status.containerId === undefined
      ? {}
      : {
          ContainerStatus: {
            ContainerID: status.containerId,
            PID: isTerminal(status.state) ? 0 : (status.pid ?? 0),
            ExitCode: status.exitCode ?? 0,
          },
        }),
    PortStatus: hostPorts.length > 0 ? { Ports: hostPorts } : {},
  };
}
