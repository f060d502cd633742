/**
 * `_ping`, `version`, `info`, `auth`, `system/df`, and what else clients ask of an engine before
 * anything.
 */
import type { Backend, NodeFacts } from '../backend.ts';
import { familiarImages } from '../images/image-documents.ts';
import { notImplemented, unavailable } from '../http/errors.ts';
import type { Exchange, Reply, Route } from '../http/exchange.ts';
import { json } from '../http/exchange.ts';
import { API_VERSION_MAX, API_VERSION_MIN } from '../http/version.ts';
import { swarmInfoDocument } from '../swarm/cluster-documents.ts';

export function systemRoutes(backend: Backend): readonly Route[] {
  const answerPing = (exchange: Exchange): Reply => ping(backend, exchange);
  return [
    { method: 'GET', path: '/_ping', handle: answerPing },
    { method: 'HEAD', path: '/_ping', handle: answerPing },
    { method: 'GET', path: '/version', handle: () => json(versionDocument(backend.facts())) },
    { method: 'GET', path: '/info', handle: async () => json(await infoDocument(backend)) },
    { method: 'GET', path: '/system/df', handle: async () => json(await diskUsage(backend)) },
    { method: 'POST', path: '/auth', handle: refuseAuth },
    { method: 'GET', path: '/distribution/:name/json', handle: refuseDistribution },
    { method: 'POST', path: '/build/prune', handle: pruneBuilds },
    { method: 'GET', path: '/plugins', handle: () => json([]) },
    { method: 'GET', path: '/secrets', handle: () => json([]) },
    { method: 'GET', path: '/configs', handle: () => json([]) },
    { method: 'POST', path: '/secrets/create', handle: refuseSecrets },
    { method: 'POST', path: '/configs/create', handle: refuseSecrets },
  ];
}

function ping(backend: Backend, { response }: Exchange): Reply {
  const { state, role } = backend.member.status();
  const swarm = state === 'inactive' || role === undefined ? state : `${state}/${role}`;
  response.setHeader('Swarm', swarm);
  response.setHeader('Builder-Version', '1');
  response.setHeader('Docker-Experimental', 'false');
  response.setHeader('Cache-Control', 'no-cache, no-store, must-revalidate');
  response.setHeader('Pragma', 'no-cache');
  return { kind: 'text', status: 200, text: 'OK' };
}

function versionDocument(facts: NodeFacts): object {
  const details = {
    ApiVersion: API_VERSION_MAX,
    Arch: goArchitecture(facts.machine),
    BuildTime: facts.buildTime ?? '',
    Experimental: 'false',
    GitCommit: facts.gitCommit ?? '',
    GoVersion: '',
    KernelVersion: facts.kernelVersion,
    MinAPIVersion: API_VERSION_MIN,
    Os: 'linux',
  };
  return {
    Platform: { Name: 'Hawser' },
    Version: facts.version,
    ApiVersion: API_VERSION_MAX,
    MinAPIVersion: API_VERSION_MIN,
    GitCommit: facts.gitCommit ?? '',
    GoVersion: '',
    Os: 'linux',
    Arch: goArchitecture(facts.machine),
    KernelVersion: facts.kernelVersion,
    BuildTime: facts.buildTime ?? '',
    Components: [{ Name: 'Engine', Version: facts.version, Details: details }],
  };
}

/** `uname -m` in the words of Go, which Docker's documents use. */
function goArchitecture(machine: string): string {
  const names: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };
  return names[machine] ?? machine;
}

async function infoDocument(backend: Backend): Promise<object> {
  const facts = backend.facts();
  const containers = backend.runtime?.list() ?? [];
  const running = containers.filter(({ state }) => state === 'running').length;
  const status = backend.member.status();
  return {
    ID: status.nodeId ?? '',
    Name: facts.hostname,
    ServerVersion: facts.version,
    Containers: containers.length,
    ContainersRunning: running,
    ContainersPaused: 0,
    ContainersStopped: containers.length - running,
    Images: (await backend.runtime?.images.list())?.length ?? 0,
    Driver: 'overlay2',
    DriverStatus: [],
    DockerRootDir: facts.dataDirectory,
    Plugins: { Volume: [], Network: ['overlay'], Authorization: null, Log: ['json-file'] },
    ...machineDocument(facts, backend.clock.wallMs()),
    RegistryConfig: { InsecureRegistryCIDRs: [], IndexConfigs: {}, Mirrors: [] },
    GenericResources: null,
    Labels: [],
    ExperimentalBuild: false,
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: '',
    SecurityOptions: ['name=seccomp,profile=builtin'],
    Runtimes: { [facts.runtimeName]: { path: facts.runtimeName } },
    DefaultRuntime: facts.runtimeName,
    Swarm: swarmInfoDocument(backend),
    Warnings: null,
  };
}

function machineDocument(facts: NodeFacts, nowMs: number): object {
  return {
    MemoryLimit: true,
    SwapLimit: true,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    OomKillDisable: false,
    IPv4Forwarding: true,
    Debug: false,
    NFd: 0,
    NGoroutines: 0,
    NEventsListener: 0,
    SystemTime: new Date(nowMs).toISOString(),
    LoggingDriver: 'json-file',
    CgroupDriver: 'cgroupfs',
    KernelVersion: facts.kernelVersion,
    OperatingSystem: facts.operatingSystem,
    OSVersion: facts.osVersion ?? '',
    OSType: 'linux',
    Architecture: facts.machine,
    NCPU: facts.cpus,
    MemTotal: facts.memoryBytes,
    HttpProxy: '',
    HttpsProxy: '',
    NoProxy: '',
    IndexServerAddress: 'https://index.docker.io/v1/',
  };
}

async function diskUsage(backend: Backend): Promise<object> {
  const images = (await backend.runtime?.images.list()) ?? [];
  return {
    LayersSize: images.reduce((sum, image) => sum + image.bytes, 0),
    Images: familiarImages(images, backend),
    Containers: [],
    Volumes: [],
    BuildCache: [],
  };
}

function refuseAuth(): Reply {
  throw notImplemented(
    'logging in to registries is not available: images come by docker import and docker load',
  );
}

/**
 * `docker service create` asks for an image's digest here, warns when there is none to have, and
 * goes on.
 */
function refuseDistribution(): Reply {
  throw unavailable('no registry is reachable: images come by docker import and docker load');
}

function pruneBuilds(): Reply {
  return json({ CachesDeleted: null, SpaceReclaimed: 0 });
}

function refuseSecrets(): Reply {
  throw notImplemented('secrets and configs are not available in this version');
}
