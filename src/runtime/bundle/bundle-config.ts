/**
 * The OCI runtime configuration (config.json) of a container: a pure function of its spec, its
 * image and this host.
 *
 * Defaults are Docker's: its capabilities, seccomp profile, masked and read-only paths, /dev/shm of
 * 64 MiB, default sysctls. Source: moby oci/defaults.go, OCI runtime-spec 1.0.2.
 */
import type { OciImageConfig, ContainerSpec } from '../runtime.ts';
import { resolveCapabilities } from './capabilities.ts';
import { environmentOf, processArguments, workingDirectoryOf } from './process.ts';
import { resolveRlimits } from './rlimits.ts';
import { seccompProfile } from './seccomp.ts';
import { baseMounts, fileMounts, MASKED_PATHS, READONLY_PATHS, type OciMount } from './mounts.ts';
import type { ContainerUser } from './users.ts';

/** What the configuration depends on beyond the spec: read from the host once, at open. */
export interface HostFacts {
  /** In OCI's words: `amd64`. */
  readonly architecture: string;
  /** Bounding set of the agent. */
  readonly capabilities: ReadonlySet<string>;
  readonly hasCgroupNamespaces: boolean;
  /** Whether the kernel accounts swap per cgroup. */
  readonly hasSwapLimit: boolean;
}

export interface BundleInput {
  readonly spec: ContainerSpec;
  readonly image: OciImageConfig;
  readonly host: HostFacts;
  readonly user: ContainerUser;
  /** Of the container's bundle: holds rootfs/, hosts, hostname, resolv.conf. */
  readonly directory: string;
  /** Volumes, binds and tmpfs, resolved to host paths, in order of their targets. */
  readonly mounts: readonly OciMount[];
  readonly cgroupsPath: string;
}

export type BundleConfig = Readonly<Record<string, unknown>>;

/** Docker's defaults, so that a process need not be root for a low port or for ping. */
const DEFAULT_SYSCTLS = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
};

/** Throws `invalid`. */
export function bundleConfig(input: BundleInput): BundleConfig {
  const { spec, image, host } = input;
  const capabilities = resolveCapabilities({
    add: spec.capabilityAdd,
    drop: spec.capabilityDrop,
    available: host.capabilities,
  });
  return {
    ociVersion: '1.0.2-dev',
    hostname: spec.hostname,
    root: { path: 'rootfs', readonly: spec.isReadOnly },
    process: {
      terminal: spec.hasTty,
      user: input.user,
      args: processArguments(spec, image),
      env: environmentOf(spec, image),
      cwd: workingDirectoryOf(spec, image),
      capabilities: capabilitySets(capabilities, input.user.uid),
      rlimits: resolveRlimits(spec.ulimits),
      noNewPrivileges: false,
      oomScoreAdj: 0,
    },
    mounts: [...baseMounts(), ...fileMounts(input.directory, spec.isReadOnly), ...input.mounts],
    annotations: { 'org.hawser.container.name': spec.name },
    linux: {
      namespaces: namespacesOf(input),
      cgroupsPath: input.cgroupsPath,
      resources: resourcesOf(spec, host),
      sysctl: { ...DEFAULT_SYSCTLS, ...spec.sysctls },
      seccomp: seccompProfile(host.architecture, new Set(capabilities)),
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
    },
  };
}

/**
 * Root holds the whole set; another user holds none, but may gain what a set-uid or capable file
 * gives.
 */
function capabilitySets(
  capabilities: readonly string[],
  uid: number,
): Readonly<Record<string, readonly string[]>> {
  const held = uid === 0 ? capabilities : [];
  return { bounding: capabilities, effective: held, permitted: held };
}

function namespacesOf({ spec, host }: BundleInput): readonly Readonly<Record<string, string>>[] {
  const kinds = ['pid', 'ipc', 'uts', 'mount', ...(host.hasCgroupNamespaces ? ['cgroup'] : [])];
  return [...kinds.map((type) => ({ type })), { type: 'network', path: spec.networkNamespacePath }];
}

const CPU_PERIOD_MICROSECONDS = 100_000;
/** The kernel's minimum quota. */
const CPU_QUOTA_MICROSECONDS_MIN = 1_000;

function resourcesOf(spec: ContainerSpec, host: HostFacts): Readonly<Record<string, unknown>> {
  return {
    // runc adds null, zero, full, random, urandom, tty, ptmx and the pseudo terminals.
    devices: [{ allow: false, access: 'rwm' }],
    ...(isLimit(spec.memoryBytes) ? { memory: memoryOf(spec.memoryBytes, host) } : {}),
    ...(isLimit(spec.nanoCpus) ? { cpu: cpuOf(spec.nanoCpus) } : {}),
    ...(isLimit(spec.pids) ? { pids: { limit: spec.pids } } : {}),
  };
}

/** Docker's 0 and -1 mean "no limit". */
function isLimit(value: number | undefined): value is number {
  return value !== undefined && value > 0;
}

/** Docker's default: as much swap again as memory. */
function memoryOf(bytes: number, host: HostFacts): Readonly<Record<string, number>> {
  return host.hasSwapLimit ? { limit: bytes, swap: 2 * bytes } : { limit: bytes };
}

function cpuOf(nanoCpus: number): Readonly<Record<string, number>> {
  const quota = Math.round((nanoCpus / 1e9) * CPU_PERIOD_MICROSECONDS);
  return {
    period: CPU_PERIOD_MICROSECONDS,
    quota: Math.max(quota, CPU_QUOTA_MICROSECONDS_MIN),
  };
}
