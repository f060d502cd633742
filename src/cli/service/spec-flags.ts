/** The flags that describe a service, and the spec that they make. */
import type { Command } from 'commander';
import type {
  ContainerSpec,
  Placement,
  Resources,
  RestartPolicy,
  ServiceSpec,
  TaskSpec,
  UpdateConfig,
} from '../../model/index.ts';
import { usageError } from '../errors.ts';
import { parseMount } from '../parse/mounts.ts';
import { parsePublish } from '../parse/ports.ts';
import {
  parseBytes,
  parseCount,
  parseDuration,
  parseNanoCpus,
  parseRatio,
} from '../parse/quantities.ts';
import { parseEnv, parseLabels, parseOneOf, withTag } from '../parse/words.ts';
import { collect } from '../verbs/options.ts';

/** As commander hands them over: every value is text. */
export interface SpecFlags {
  readonly name?: string;
  readonly replicas?: string;
  readonly mode: string;
  readonly network: readonly string[];
  readonly publish: readonly string[];
  readonly env: readonly string[];
  readonly label: readonly string[];
  readonly containerLabel: readonly string[];
  readonly mount: readonly string[];
  readonly constraint: readonly string[];
  readonly placementPref: readonly string[];
  readonly replicasMaxPerNode?: string;
  readonly endpointMode: string;
  readonly entrypoint?: string;
  readonly hostname?: string;
  readonly user?: string;
  readonly workdir?: string;
  readonly host: readonly string[];
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly sysctl: readonly string[];
  readonly readOnly?: boolean;
  readonly tty?: boolean;
  readonly init?: boolean;
  readonly stopSignal?: string;
  readonly stopGracePeriod?: string;
  readonly limitCpu?: string;
  readonly limitMemory?: string;
  readonly limitPids?: string;
  readonly reserveCpu?: string;
  readonly reserveMemory?: string;
  readonly restartCondition?: string;
  readonly restartDelay?: string;
  readonly restartMaxAttempts?: string;
  readonly restartWindow?: string;
  readonly updateParallelism?: string;
  readonly updateDelay?: string;
  readonly updateMonitor?: string;
  readonly updateFailureAction?: string;
  readonly updateMaxFailureRatio?: string;
  readonly updateOrder?: string;
}

/** Adds the flags of `service create` to a command. */
export function addSpecFlags(command: Command): Command {
  command
    .option('--name <name>', 'name of the service')
    .option('--replicas <count>', 'number of tasks')
    .option('--mode <mode>', 'replicated or global', 'replicated')
    .option('--network <network>', 'network to join; may repeat', collect, [])
    .option('-p, --publish <port>', 'publish a port, as 8080:80; may repeat', collect, [])
    .option('--endpoint-mode <mode>', 'vip or dnsrr', 'vip')
    .option('-l, --label <key=value>', 'label of the service; may repeat', collect, [])
    .option('--constraint <expression>', 'where tasks may run; may repeat', collect, [])
    .option('--placement-pref <preference>', 'as spread=node.labels.zone', collect, [])
    .option('--replicas-max-per-node <count>', 'most tasks on one node');
  addContainerFlags(command);
  addLimitFlags(command);
  return command;
}

function addContainerFlags(command: Command): void {
  command
    .option('-e, --env <variable>', 'NAME=value, or NAME of this shell; may repeat', collect, [])
    .option('--container-label <key=value>', 'label of containers; may repeat', collect, [])
    .option('--mount <mount>', 'type=volume,source=data,target=/data; may repeat', collect, [])
    .option('--entrypoint <command>', 'instead of the image’s entrypoint')
    .option('--hostname <name>', 'host name of containers')
    .option('-u, --user <user>', 'user[:group] in the container')
    .option('-w, --workdir <directory>', 'working directory in the container')
    .option('--host <name:address>', 'line of /etc/hosts; may repeat', collect, [])
    .option('--cap-add <capability>', 'may repeat', collect, [])
    .option('--cap-drop <capability>', 'may repeat', collect, [])
    .option('--sysctl <key=value>', 'may repeat', collect, [])
    .option('--read-only', 'root file system read-only')
    .option('-t, --tty', 'with a terminal')
    .option('--init', 'with an init that reaps processes')
    .option('--stop-signal <signal>', 'signal that ends a container')
    .option('--stop-grace-period <duration>', 'time before it is killed');
}

function addLimitFlags(command: Command): void {
  command
    .option('--limit-cpu <cpus>', 'most CPUs of a task, as 0.5')
    .option('--limit-memory <size>', 'most memory of a task, as 64m')
    .option('--limit-pids <count>', 'most processes of a task')
    .option('--reserve-cpu <cpus>', 'CPUs that its node must have free')
    .option('--reserve-memory <size>', 'memory that its node must have free')
    .option('--restart-condition <word>', 'none, on-failure or any')
    .option('--restart-delay <duration>', 'pause before a replacement')
    .option('--restart-max-attempts <count>', 'most replacements')
    .option('--restart-window <duration>', 'time in which attempts are counted')
    .option('--update-parallelism <count>', 'tasks replaced at once')
    .option('--update-delay <duration>', 'pause between replacements')
    .option('--update-monitor <duration>', 'time in which a new task may not fail')
    .option('--update-failure-action <word>', 'pause, continue or rollback')
    .option('--update-max-failure-ratio <ratio>', 'share of tasks that may fail')
    .option('--update-order <word>', 'start-first or stop-first');
}

/** `object` without the fields that were not given. */
type Given<T> = { -readonly [K in keyof T]?: Exclude<T[K], undefined> };

export function given<T extends object>(object: T): Given<T> {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Given<T>;
}

function ifGiven<T>(
  text: string | undefined,
  parse: (flag: string, text: string) => T,
  flag: string,
): T | undefined {
  return text === undefined ? undefined : parse(flag, text);
}

const unlessEmpty = <T>(items: readonly T[]): readonly T[] | undefined =>
  items.length === 0 ? undefined : items;

export interface ServiceArguments {
  readonly image: string;
  readonly args: readonly string[];
  readonly flags: SpecFlags;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function buildServiceSpec(wanted: ServiceArguments): ServiceSpec {
  const { flags } = wanted;
  const updateConfig = buildUpdateConfig(flags);
  return {
    Name: flags.name ?? '',
    Labels: parseLabels('--label', flags.label),
    TaskTemplate: buildTaskSpec(wanted),
    Mode: buildMode(flags),
    ...(Object.keys(updateConfig).length === 0 ? {} : { UpdateConfig: updateConfig }),
    EndpointSpec: {
      Mode: parseOneOf('--endpoint-mode', flags.endpointMode, ['vip', 'dnsrr']),
      Ports: flags.publish.flatMap(parsePublish),
    },
  };
}

function buildMode({ mode, replicas }: SpecFlags): ServiceSpec['Mode'] {
  const count = ifGiven(replicas, parseCount, '--replicas');
  if (parseOneOf('--mode', mode, ['replicated', 'global']) === 'replicated') {
    return { Replicated: { Replicas: count ?? 1 } };
  }
  if (count === undefined) return { Global: {} };
  throw usageError('--replicas', 'a global service has one task per node; leave it out');
}

function buildTaskSpec(wanted: ServiceArguments): TaskSpec {
  const { flags } = wanted;
  const networks = flags.network.map(parseNetwork);
  return given({
    ContainerSpec: buildContainerSpec(wanted),
    Resources: buildResources(flags),
    RestartPolicy: buildRestartPolicy(flags),
    Placement: buildPlacement(flags),
    Networks: unlessEmpty(networks),
  }) as TaskSpec;
}

/** `demo`, or `name=demo,alias=web`. */
function parseNetwork(text: string): { Target: string; Aliases?: readonly string[] } {
  if (!text.includes('=')) return { Target: text };
  const parts = text.split(',').map((part) => part.split('='));
  const Target = parts.find(([key]) => key === 'name')?.[1];
  if (Target === undefined) throw usageError('--network', `"${text}" has no name=`);
  const aliases = parts.flatMap(([key, value]) =>
    key === 'alias' && value !== undefined ? [value] : [],
  );
  return aliases.length === 0 ? { Target } : { Target, Aliases: aliases };
}

function buildContainerSpec({ image, args, flags, environment }: ServiceArguments): ContainerSpec {
  const entrypoint = flags.entrypoint?.split(/\s+/).filter((word) => word !== '');
  return given({
    Image: withTag(image),
    Labels:
      flags.containerLabel.length === 0
        ? undefined
        : parseLabels('--container-label', flags.containerLabel),
    Command: entrypoint,
    Args: unlessEmpty(args),
    Hostname: flags.hostname,
    Env: unlessEmpty(parseEnv(flags.env, environment)),
    Dir: flags.workdir,
    User: flags.user,
    TTY: flags.tty,
    ReadOnly: flags.readOnly,
    Init: flags.init,
    Mounts: unlessEmpty(flags.mount.map(parseMount)),
    StopSignal: flags.stopSignal,
    StopGracePeriod: ifGiven(flags.stopGracePeriod, parseDuration, '--stop-grace-period'),
    Hosts: unlessEmpty(flags.host.map(hostsLine)),
    CapabilityAdd: unlessEmpty(flags.capAdd),
    CapabilityDrop: unlessEmpty(flags.capDrop),
    Sysctls: flags.sysctl.length === 0 ? undefined : parseLabels('--sysctl', flags.sysctl),
  }) as ContainerSpec;
}

/** `name:address` → the API's `address name`. */
function hostsLine(text: string): string {
  const at = text.indexOf(':');
  if (at < 1) throw usageError('--host', `"${text}" is not name:address`);
  return `${text.slice(at + 1)} ${text.slice(0, at)}`;
}

function buildResources(flags: SpecFlags): TaskSpec['Resources'] {
  const limits: Resources = given({
    NanoCPUs: ifGiven(flags.limitCpu, parseNanoCpus, '--limit-cpu'),
    MemoryBytes: ifGiven(flags.limitMemory, parseBytes, '--limit-memory'),
    Pids: ifGiven(flags.limitPids, parseCount, '--limit-pids'),
  });
  const reservations: Resources = given({
    NanoCPUs: ifGiven(flags.reserveCpu, parseNanoCpus, '--reserve-cpu'),
    MemoryBytes: ifGiven(flags.reserveMemory, parseBytes, '--reserve-memory'),
  });
  return {
    ...(Object.keys(limits).length === 0 ? {} : { Limits: limits }),
    ...(Object.keys(reservations).length === 0 ? {} : { Reservations: reservations }),
  };
}

function buildRestartPolicy(flags: SpecFlags): RestartPolicy | undefined {
  const condition = flags.restartCondition;
  const policy: RestartPolicy = given({
    Condition:
      condition === undefined
        ? undefined
        : parseOneOf('--restart-condition', condition, ['none', 'on-failure', 'any']),
    Delay: ifGiven(flags.restartDelay, parseDuration, '--restart-delay'),
    MaxAttempts: ifGiven(flags.restartMaxAttempts, parseCount, '--restart-max-attempts'),
    Window: ifGiven(flags.restartWindow, parseDuration, '--restart-window'),
  });
  return Object.keys(policy).length === 0 ? undefined : policy;
}

function buildPlacement(flags: SpecFlags): Placement | undefined {
  const preferences = flags.placementPref.map((text) => {
    const [strategy, descriptor = ''] = text.split(/=(.*)/s);
    if (strategy !== 'spread' || descriptor === '') {
      throw usageError('--placement-pref', `"${text}" is not spread=<node or engine label>`);
    }
    return { Spread: { SpreadDescriptor: descriptor } };
  });
  const placement: Placement = given({
    Constraints: unlessEmpty(flags.constraint),
    Preferences: unlessEmpty(preferences),
    MaxReplicas: ifGiven(flags.replicasMaxPerNode, parseCount, '--replicas-max-per-node'),
  });
  return Object.keys(placement).length === 0 ? undefined : placement;
}

export function buildUpdateConfig(flags: Partial<SpecFlags>): UpdateConfig {
  return given({
    Parallelism: ifGiven(flags.updateParallelism, parseCount, '--update-parallelism'),
    Delay: ifGiven(flags.updateDelay, parseDuration, '--update-delay'),
    Monitor: ifGiven(flags.updateMonitor, parseDuration, '--update-monitor'),
    FailureAction: flags.updateFailureAction,
    MaxFailureRatio: ifGiven(flags.updateMaxFailureRatio, parseRatio, '--update-max-failure-ratio'),
    Order: flags.updateOrder,
  });
}
