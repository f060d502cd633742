/** `service update`: a read of the spec, a change, and a write that fails if someone was faster. */
import type { Command } from 'commander';
import type { ContainerSpec, PortConfig, ServiceSpec, TaskSpec } from '../../model/index.ts';
import { objectPath, type CliContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { parsePublish } from '../parse/ports.ts';
import { parseBytes, parseCount, parseNanoCpus } from '../parse/quantities.ts';
import { parseEnv, parseLabels, withTag } from '../parse/words.ts';
import type { ServiceDocument } from '../api/documents.ts';
import { collect } from '../verbs/options.ts';
import { waitForConvergence, type WaitFlags } from './convergence.ts';
import { buildUpdateConfig, given, type SpecFlags } from './spec-flags.ts';

interface UpdateFlags extends Partial<SpecFlags>, WaitFlags {
  readonly image?: string;
  readonly args?: string;
  readonly force?: boolean;
  readonly envAdd: readonly string[];
  readonly envRm: readonly string[];
  readonly labelAdd: readonly string[];
  readonly labelRm: readonly string[];
  readonly publishAdd: readonly string[];
  readonly publishRm: readonly string[];
  readonly constraintAdd: readonly string[];
  readonly constraintRm: readonly string[];
}

export function addUpdateCommand(service: Command, context: CliContext): void {
  service
    .command('update')
    .description('change a service')
    .argument('<service>', 'id or name')
    .option('--image <image>', 'image of the tasks')
    .option('--args <command>', 'arguments of the image’s entrypoint')
    .option('--replicas <count>', 'number of tasks')
    .option('--force', 'replace the tasks even when nothing changed')
    .option('--env-add <variable>', 'set a variable; may repeat', collect, [])
    .option('--env-rm <name>', 'remove a variable; may repeat', collect, [])
    .option('--label-add <key=value>', 'set a label; may repeat', collect, [])
    .option('--label-rm <key>', 'remove a label; may repeat', collect, [])
    .option('--publish-add <port>', 'publish a port; may repeat', collect, [])
    .option('--publish-rm <target>', 'stop publishing a target port; may repeat', collect, [])
    .option('--constraint-add <expression>', 'may repeat', collect, [])
    .option('--constraint-rm <expression>', 'may repeat', collect, [])
    .option('--limit-cpu <cpus>', 'most CPUs of a task')
    .option('--limit-memory <size>', 'most memory of a task')
    .option('--update-parallelism <count>', 'tasks replaced at once')
    .option('--update-delay <duration>', 'pause between replacements')
    .option('--update-monitor <duration>', 'time in which a new task may not fail')
    .option('--update-failure-action <word>', 'pause, continue or rollback')
    .option('--update-max-failure-ratio <ratio>', 'share of tasks that may fail')
    .option('--update-order <word>', 'start-first or stop-first')
    .option('-d, --detach', 'do not wait')
    .option('-q, --quiet', 'wait without saying how far it is')
    .action((name: string, flags: UpdateFlags) => update(context, name, flags));
}

async function update(context: CliContext, name: string, flags: UpdateFlags): Promise<void> {
  await changeSpec(context, name, (spec) => changedSpec(spec, flags, context.terminal.env));
  context.print(name);
  await waitForConvergence(context, name, flags);
}

/** Reads the spec of a service, changes it and writes it back under the version that was read. */
export async function changeSpec(
  context: CliContext,
  name: string,
  change: (spec: ServiceSpec) => ServiceSpec,
): Promise<void> {
  const service = await context.get<ServiceDocument>(objectPath('services', name));
  const answer = await context.send<{ Warnings?: readonly string[] | null } | undefined>({
    method: 'POST',
    path: objectPath('services', service.ID, 'update'),
    query: { version: service.Version.Index },
    body: change(service.Spec),
  });
  for (const warning of answer?.Warnings ?? []) context.note(warning);
}

export function withReplicas(spec: ServiceSpec, replicas: number): ServiceSpec {
  if (!('Replicated' in spec.Mode)) {
    throw usageError(spec.Name, 'scale can only be used with replicated mode');
  }
  return { ...spec, Mode: { Replicated: { Replicas: replicas } } };
}

export function changedSpec(
  spec: ServiceSpec,
  flags: UpdateFlags,
  environment: Readonly<Record<string, string | undefined>>,
): ServiceSpec {
  const scaled =
    flags.replicas === undefined
      ? spec
      : withReplicas(spec, parseCount('--replicas', flags.replicas));
  const labels = Object.entries(spec.Labels).filter(([key]) => !flags.labelRm.includes(key));
  const updateConfig = { ...spec.UpdateConfig, ...buildUpdateConfig(flags) };
  return {
    ...scaled,
    Labels: { ...Object.fromEntries(labels), ...parseLabels('--label-add', flags.labelAdd) },
    TaskTemplate: changedTask(spec.TaskTemplate, flags, environment),
    EndpointSpec: { ...spec.EndpointSpec, Ports: changedPorts(spec.EndpointSpec.Ports, flags) },
    ...(Object.keys(updateConfig).length === 0 ? {} : { UpdateConfig: updateConfig }),
  };
}

function changedTask(
  task: TaskSpec,
  flags: UpdateFlags,
  environment: Readonly<Record<string, string | undefined>>,
): TaskSpec {
  const constraints = (task.Placement?.Constraints ?? [])
    .filter((constraint) => !flags.constraintRm.includes(constraint))
    .concat(flags.constraintAdd);
  const limits = given({
    NanoCPUs:
      flags.limitCpu === undefined ? undefined : parseNanoCpus('--limit-cpu', flags.limitCpu),
    MemoryBytes:
      flags.limitMemory === undefined ? undefined : parseBytes('--limit-memory', flags.limitMemory),
  });
  const isForced = flags.force === true;
  return {
    ...task,
    ContainerSpec: changedContainer(task.ContainerSpec, flags, environment),
    ...(constraints.length === 0 && task.Placement === undefined
      ? {}
      : { Placement: { ...task.Placement, Constraints: constraints } }),
    ...(Object.keys(limits).length === 0
      ? {}
      : { Resources: { ...task.Resources, Limits: { ...task.Resources?.Limits, ...limits } } }),
    ...(isForced ? { ForceUpdate: (task.ForceUpdate ?? 0) + 1 } : {}),
  };
}

function changedContainer(
  container: ContainerSpec,
  flags: UpdateFlags,
  environment: Readonly<Record<string, string | undefined>>,
): ContainerSpec {
  const added = parseEnv(flags.envAdd, environment);
  const replaced = new Set([...flags.envRm, ...added.map(variableName)]);
  const env = (container.Env ?? [])
    .filter((pair) => !replaced.has(variableName(pair)))
    .concat(added);
  return {
    ...container,
    ...(flags.image === undefined ? {} : { Image: withTag(flags.image) }),
    ...(flags.args === undefined
      ? {}
      : { Args: flags.args.split(/\s+/).filter((word) => word !== '') }),
    ...(env.length === 0 && container.Env === undefined ? {} : { Env: env }),
  };
}

const variableName = (pair: string): string => pair.split('=')[0] ?? '';

function changedPorts(ports: readonly PortConfig[] | undefined, flags: UpdateFlags): PortConfig[] {
  const removed = flags.publishRm.flatMap(parsePublish);
  const isRemoved = (port: PortConfig): boolean =>
    removed.some((gone) => gone.TargetPort === port.TargetPort && gone.Protocol === port.Protocol);
  return (ports ?? [])
    .filter((port) => !isRemoved(port))
    .concat(flags.publishAdd.flatMap(parsePublish));
}
