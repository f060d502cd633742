import { tryParseConstraint } from '../constraints.ts';
import type { NetworkId } from '../ids.ts';
import type {
  NetworkAttachmentConfig,
  PortConfig,
  Resources,
  RestartPolicy,
  ServiceSpec,
  TaskSpec,
  UpdateConfig,
} from '../specs.ts';
import { parseContainerSpec } from './container.ts';
import { readDocument } from './document.ts';
import { checkName } from './names.ts';
import {
  serviceDocument,
  type PortDocument,
  type ResourcesDocument,
  type RestartDocument,
  type ServiceDocument,
  type UpdateDocument,
} from './service-schema.ts';
import { invalid, unsupported } from './spec-error.ts';

/** Tasks that one service may have; ten times what a large cluster runs. */
export const REPLICAS_MAX = 20_000;

const NANO_CPUS_MIN = 1e6;
const MEMORY_BYTES_MIN = 4 * 1024 * 1024;

/**
 * Reads the body of `POST /services/create` or `/services/{id}/update`. Missing parts get Docker's
 * defaults: one replica, endpoint mode `vip`, ports tcp and routed. Networks are names or ids
 * still; `withNetworkIds` resolves them. Throws `SpecError`.
 */
export function parseServiceSpec(json: unknown): ServiceSpec {
  const document = readDocument(serviceDocument, json);
  checkName(document.Name);
  const update = parseUpdate(document.UpdateConfig, 'UpdateConfig');
  const rollback = parseUpdate(document.RollbackConfig, 'RollbackConfig');
  return {
    Name: document.Name,
    Labels: document.Labels,
    TaskTemplate: parseTask(document),
    Mode: parseMode(document.Mode),
    ...(update && { UpdateConfig: update }),
    ...(rollback && { RollbackConfig: rollback }),
    EndpointSpec: parseEndpoint(document.EndpointSpec),
  };
}

/**
 * The spec with every network's name replaced by its id. `idOf` throws what the caller answers for
 * an unknown one.
 */
export function withNetworkIds(
  spec: ServiceSpec,
  idOf: (nameOrId: string) => NetworkId,
): ServiceSpec {
  const { Networks } = spec.TaskTemplate;
  if (Networks === undefined) return spec;
  const resolved = Networks.map((network) => ({ ...network, Target: idOf(network.Target) }));
  return { ...spec, TaskTemplate: { ...spec.TaskTemplate, Networks: resolved } };
}

function parseTask(document: ServiceDocument): TaskSpec {
  const template = document.TaskTemplate;
  checkRuntime(template);
  const { Placement, LogDriver, ForceUpdate, Runtime } = template;
  if (template.ContainerSpec === undefined)
    throw invalid(
      'TaskTemplate.ContainerSpec',
      'must be provided',
      'ContainerSpec: missing in service spec',
    );
  for (const [index, constraint] of (Placement?.Constraints ?? []).entries()) {
    const parsed = tryParseConstraint(constraint);
    if ('problem' in parsed)
      throw invalid(`TaskTemplate.Placement.Constraints[${index}]`, parsed.problem, parsed.problem);
  }
  // Clients before API 1.25 put the networks beside the template.
  const networks = template.Networks ?? document.Networks;
  const restart = parseRestart(template.RestartPolicy);
  const resources = parseResources(template.Resources);
  return compact({
    ContainerSpec: parseContainerSpec(template.ContainerSpec),
    Resources: resources,
    RestartPolicy: restart,
    Placement,
    Networks: networks?.map((network) => compact(network) as NetworkAttachmentConfig),
    LogDriver,
    ForceUpdate,
    Runtime,
  }) as TaskSpec;
}

function checkRuntime(template: ServiceDocument['TaskTemplate']): void {
  const { Runtime = '', PluginSpec, NetworkAttachmentSpec } = template;
  if (PluginSpec !== undefined || Runtime === 'plugin')
    throw unsupported('TaskTemplate.PluginSpec', 'plugins as services are');
  if (NetworkAttachmentSpec !== undefined || Runtime === 'attachment')
    throw unsupported('TaskTemplate.NetworkAttachmentSpec', 'attachments as services are');
  if (Runtime !== '' && Runtime !== 'container')
    throw invalid('TaskTemplate.Runtime', `unknown runtime ${JSON.stringify(Runtime)}`);
}

function parseMode(mode: ServiceDocument['Mode']): ServiceSpec['Mode'] {
  if (mode?.ReplicatedJob !== undefined) throw unsupported('Mode.ReplicatedJob', 'jobs are');
  if (mode?.GlobalJob !== undefined) throw unsupported('Mode.GlobalJob', 'jobs are');
  if (mode?.Replicated !== undefined && mode.Global !== undefined)
    throw invalid(
      'Mode',
      'must specify only one service mode',
      'must specify only one service mode',
    );
  if (mode?.Global !== undefined) return { Global: {} };
  const replicas = mode?.Replicated?.Replicas ?? 1;
  if (replicas < 0)
    throw invalid(
      'Mode.Replicated.Replicas',
      'must be non-negative',
      'Number of replicas must be non-negative',
    );
  if (replicas > REPLICAS_MAX)
    throw invalid('Mode.Replicated.Replicas', `at most ${REPLICAS_MAX} replicas`);
  return { Replicated: { Replicas: replicas } };
}

function parseEndpoint(endpoint: ServiceDocument['EndpointSpec']): ServiceSpec['EndpointSpec'] {
  const Mode = endpoint?.Mode === 'dnsrr' ? 'dnsrr' : 'vip';
  const Ports = (endpoint?.Ports ?? []).map(parsePort);
  if (Mode === 'dnsrr' && Ports.some((port) => port.PublishMode === 'ingress')) {
    const rule = "port published with ingress mode can't be used with dnsrr mode";
    throw invalid('EndpointSpec.Ports', rule, `EndpointSpec: ${rule}`);
  }
  const seen = new Set<string>();
  for (const { PublishedPort = 0, Protocol } of Ports) {
    const key = `${PublishedPort}/${Protocol}`;
    if (PublishedPort !== 0 && seen.has(key)) {
      const rule = 'duplicate published ports provided';
      throw invalid('EndpointSpec.Ports', rule, `EndpointSpec: ${rule}`);
    }
    seen.add(key);
  }
  return { Mode, Ports };
}

function parsePort(port: PortDocument): PortConfig {
  return compact({
    Name: port.Name,
    Protocol: port.Protocol || 'tcp',
    TargetPort: port.TargetPort,
    PublishedPort: port.PublishedPort,
    PublishMode: port.PublishMode || 'ingress',
  }) as PortConfig;
}

function parseRestart(policy: RestartDocument | undefined): RestartPolicy | undefined {
  if (policy === undefined) return undefined;
  const field = 'TaskTemplate.RestartPolicy';
  if ((policy.Delay ?? 0) < 0)
    throw invalid(
      `${field}.Delay`,
      'cannot be negative',
      'TaskSpec: restart-delay cannot be negative',
    );
  if ((policy.Window ?? 0) < 0)
    throw invalid(
      `${field}.Window`,
      'cannot be negative',
      'TaskSpec: restart-window cannot be negative',
    );
  return compact({ ...policy, Condition: policy.Condition || undefined }) as RestartPolicy;
}

function parseUpdate(update: UpdateDocument | undefined, field: string): UpdateConfig | undefined {
  if (update === undefined) return undefined;
  if ((update.Delay ?? 0) < 0)
    throw invalid(
      `${field}.Delay`,
      'cannot be negative',
      'TaskSpec: update-delay cannot be negative',
    );
  if ((update.Monitor ?? 0) < 0)
    throw invalid(
      `${field}.Monitor`,
      'cannot be negative',
      'TaskSpec: update-monitor cannot be negative',
    );
  const ratio = update.MaxFailureRatio ?? 0;
  if (ratio < 0 || ratio > 1)
    throw invalid(
      `${field}.MaxFailureRatio`,
      'must be 0 to 1',
      'TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1',
    );
  return compact(update) as UpdateConfig;
}

function parseResources(
  resources: ServiceDocument['TaskTemplate']['Resources'],
): TaskSpec['Resources'] {
  if (resources === undefined) return undefined;
  const { Limits, Reservations } = resources;
  return {
    ...(Limits && { Limits: checkedResources(Limits, 'Limits') }),
    ...(Reservations && { Reservations: checkedResources(Reservations, 'Reservations') }),
  };
}

function checkedResources(resources: ResourcesDocument, name: string): Resources {
  const field = `TaskTemplate.Resources.${name}`;
  const { GenericResources = [], ...plain } = resources;
  const { NanoCPUs = 0, MemoryBytes = 0, Pids = 0 } = plain;
  if (GenericResources.length > 0)
    throw unsupported(`${field}.GenericResources`, 'generic resources are');
  if (NanoCPUs !== 0 && NanoCPUs < NANO_CPUS_MIN)
    throw invalid(
      `${field}.NanoCPUs`,
      'must be at least 0.001 CPU',
      `invalid cpu value ${NanoCPUs / 1e9}: Must be at least ${NANO_CPUS_MIN / 1e9}`,
    );
  if (MemoryBytes !== 0 && MemoryBytes < MEMORY_BYTES_MIN)
    throw invalid(
      `${field}.MemoryBytes`,
      'must be at least 4 MiB',
      `invalid memory value ${MemoryBytes}: Must be at least 4MiB`,
    );
  if (Pids < 0) throw invalid(`${field}.Pids`, 'cannot be negative');
  return compact(plain) as Resources;
}

/** The record without the fields that are undefined. */
export function compact<Fields extends object>(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Fields;
}
