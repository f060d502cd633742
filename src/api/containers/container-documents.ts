/** Containers as Docker shows them: an entry of `docker ps`, and the whole of `docker inspect`. */
import type { Mount, Subnet, Task } from '../../model/index.ts';
import type { ContainerStatus, OciImageConfig, Runtime } from '../../runtime/index.ts';
import type { Backend } from '../backend.ts';
import { withPrefixLength } from '../networks/network-documents.ts';
import { ZERO_TIME, rfc3339 } from '../swarm/access.ts';
import { humanDuration } from './human-duration.ts';
import { taskOf } from './lookup.ts';

/** A container, and what its image says of how it runs; the image may be gone. */
export interface ShownContainer {
  readonly container: ContainerStatus;
  readonly image: OciImageConfig['config'];
}

/** Joins containers with their images. */
export async function withImages(
  containers: readonly ContainerStatus[],
  runtime: Runtime | undefined,
): Promise<readonly ShownContainer[]> {
  if (!runtime || containers.length === 0) return [];
  const images = new Map((await runtime.images.list()).map((image) => [image.id, image]));
  return containers.map((container) => ({
    container,
    image: images.get(container.imageId)?.config.config,
  }));
}

/** An entry of `GET /containers/json`. */
export function containerEntry(shown: ShownContainer, backend: Backend): object {
  const { container } = shown;
  const { spec } = container;
  const task = taskOf(backend, container);
  return {
    Id: container.id,
    Names: [`/${spec.name}`],
    Image: spec.image,
    ImageID: container.imageId,
    Command: commandOf(shown).join(' '),
    Created: Math.floor(container.createdAtMs / 1000),
    Ports: portsDocument(task),
    Labels: spec.labels,
    State: container.state,
    Status: statusText(container, backend.clock.wallMs()),
    HostConfig: { NetworkMode: 'default' },
    NetworkSettings: { Networks: networksDocument(task, backend) },
    Mounts: spec.mounts.map(mountDocument),
  };
}

/** Docker's sentence about a container's state. */
export function statusText(container: ContainerStatus, nowMs: number): string {
  if (container.state === 'running') {
    return `Up ${humanDuration(nowMs - (container.startedAtMs ?? nowMs))}`;
  }
  if (container.state === 'created') return 'Created';
  const ago = humanDuration(nowMs - (container.finishedAtMs ?? nowMs));
  return `Exited (${container.exitCode ?? 0}) ${ago} ago`;
}

/** What runs: the spec's words, and the image's where the spec leaves them. */
function commandOf({ container: { spec }, image }: ShownContainer): readonly string[] {
  if (spec.command) return [...spec.command, ...(spec.args ?? [])];
  return [...(image?.Entrypoint ?? []), ...(spec.args ?? image?.Cmd ?? [])];
}

/** The spec's variables after those of the image that it does not replace. */
function environmentOf({ container: { spec }, image }: ShownContainer): readonly string[] {
  const nameOf = (variable: string): string => variable.split('=', 1)[0] ?? '';
  const own = new Set(spec.env.map(nameOf));
  return [...(image?.Env ?? []).filter((variable) => !own.has(nameOf(variable))), ...spec.env];
}

function portsDocument(task: Task | undefined): readonly object[] {
  return (task?.hostPorts ?? []).map((port) => ({
    IP: '0.0.0.0',
    PrivatePort: port.TargetPort,
    PublicPort: port.PublishedPort,
    Type: port.Protocol,
  }));
}

function networksDocument(task: Task | undefined, backend: Backend): object {
  const networks = backend.member.view?.networks;
  const entries = (task?.attachments ?? []).map((attachment) => {
    const network = networks?.get(attachment.networkId);
    const subnets = network?.subnets ?? [];
    const [, bits = '32'] = withPrefixLength(attachment.address, subnets).split('/');
    const document = {
      IPAMConfig: { IPv4Address: attachment.address },
      Links: null,
      Aliases: attachment.aliases,
      MacAddress: attachment.mac,
      NetworkID: attachment.networkId,
      EndpointID: '',
      Gateway: gatewayOf(subnets),
      IPAddress: attachment.address,
      IPPrefixLen: Number(bits),
      IPv6Gateway: '',
      GlobalIPv6Address: '',
      GlobalIPv6PrefixLen: 0,
      DriverOpts: null,
      DNSNames: null,
    };
    return [network?.name ?? attachment.networkId, document] as const;
  });
  return Object.fromEntries(entries);
}

function gatewayOf(subnets: readonly Subnet[]): string {
  return subnets[0]?.gateway ?? '';
}

function mountDocument(mount: Mount): object {
  return {
    Type: mount.Type,
    ...(mount.Type === 'volume' ? { Name: mount.Source ?? '' } : {}),
    Source: mount.Source ?? '',
    Destination: mount.Target,
    Mode: '',
    RW: mount.ReadOnly !== true,
    Propagation: mount.Type === 'bind' ? 'rprivate' : '',
  };
}

/** `GET /containers/{id}/json`. */
export function containerDocument(shown: ShownContainer, backend: Backend): object {
  const { container } = shown;
  const { spec } = container;
  const task = taskOf(backend, container);
  const [path = '', ...args] = commandOf(shown);
  return {
    Id: container.id,
    Created: rfc3339(container.createdAtMs),
    Path: path,
    Args: args,
    State: stateDocument(container),
    Image: container.imageId,
    ResolvConfPath: '',
    HostnamePath: '',
    HostsPath: '',
    LogPath: '',
    Name: `/${spec.name}`,
    RestartCount: 0,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: null,
    HostConfig: hostConfigDocument(container),
    GraphDriver: { Name: 'overlay2', Data: {} },
    Mounts: spec.mounts.map(mountDocument),
    Config: configDocument(shown),
    NetworkSettings: {
      Bridge: '',
      SandboxID: '',
      SandboxKey: spec.networkNamespacePath,
      Ports: portBindings(task),
      Networks: networksDocument(task, backend),
    },
  };
}

function stateDocument(container: ContainerStatus): object {
  const isRunning = container.state === 'running';
  return {
    Status: container.state,
    Running: isRunning,
    Paused: false,
    Restarting: false,
    OOMKilled: container.isOutOfMemoryKilled ?? false,
    Dead: false,
    Pid: isRunning ? (container.pid ?? 0) : 0,
    ExitCode: container.exitCode ?? 0,
    Error: container.error ?? '',
    StartedAt: timeOrZero(container.startedAtMs),
    FinishedAt: timeOrZero(container.finishedAtMs),
  };
}

function timeOrZero(ms: number | undefined): string {
  return ms === undefined ? ZERO_TIME : rfc3339(ms);
}

function hostConfigDocument({ spec }: ContainerStatus): object {
  return {
    Binds: null,
    NetworkMode: 'default',
    PortBindings: {},
    RestartPolicy: { Name: '', MaximumRetryCount: 0 },
    AutoRemove: false,
    LogConfig: { Type: 'json-file', Config: {} },
    CapAdd: spec.capabilityAdd,
    CapDrop: spec.capabilityDrop,
    Privileged: false,
    ReadonlyRootfs: spec.isReadOnly,
    Memory: spec.memoryBytes ?? 0,
    NanoCpus: spec.nanoCpus ?? 0,
    PidsLimit: spec.pids ?? null,
    Sysctls: spec.sysctls,
    Ulimits: spec.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    Mounts: spec.mounts,
    Isolation: '',
    Runtime: '',
  };
}

function configDocument(shown: ShownContainer): object {
  const { spec } = shown.container;
  return {
    Hostname: spec.hostname,
    Domainname: '',
    User: spec.user ?? shown.image?.User ?? '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: spec.hasTty,
    OpenStdin: false,
    StdinOnce: false,
    Env: environmentOf(shown),
    Entrypoint: spec.command ?? shown.image?.Entrypoint ?? null,
    Cmd: spec.args ?? (spec.command ? null : (shown.image?.Cmd ?? null)),
    Image: spec.image,
    Volumes: null,
    WorkingDir: spec.workingDirectory ?? shown.image?.WorkingDir ?? '',
    Labels: spec.labels,
    ...(spec.stopSignal === undefined ? {} : { StopSignal: spec.stopSignal }),
    StopTimeout: Math.round(spec.stopGraceMs / 1000),
  };
}

function portBindings(task: Task | undefined): object {
  return Object.fromEntries(
    (task?.hostPorts ?? []).map((port) => [
      `${port.TargetPort}/${port.Protocol}`,
      [{ HostIp: '0.0.0.0', HostPort: String(port.PublishedPort) }],
    ]),
  );
}
