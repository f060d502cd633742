/**
 * Linux capabilities of containers. Source: Docker's default set (moby oci/caps) and capability.h
 * of Linux 6.1.
 */
import { invalid } from '../errors.ts';

/** In the kernel's order: the index is the capability's number. */
export const ALL_CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const;

/** What Docker leaves to root in a container. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

export interface CapabilityWish {
  readonly add: readonly string[];
  readonly drop: readonly string[];
  /** Bounding set of the agent: what a container can have at all. */
  readonly available: ReadonlySet<string>;
}

/**
 * Docker's rules: `ALL` may be added or dropped; what is added by name wins over `drop ALL`. Throws
 * `invalid`.
 */
export function resolveCapabilities({ add, drop, available }: CapabilityWish): string[] {
  const added = add.map((name) => normalize(name, 'capabilityAdd'));
  const dropped = drop.map((name) => normalize(name, 'capabilityDrop'));
  const base = baseOf(added, dropped, available);
  const wanted = new Set([...base, ...added.filter((name) => name !== 'ALL')]);
  for (const name of dropped) if (!added.includes(name)) wanted.delete(name);
  for (const name of wanted) {
    if (available.has(name)) continue;
    if (added.includes(name)) throw invalid('capabilityAdd', name, `this host cannot give ${name}`);
    wanted.delete(name);
  }
  return ALL_CAPABILITIES.filter((name) => wanted.has(name));
}

function baseOf(
  added: readonly string[],
  dropped: readonly string[],
  available: ReadonlySet<string>,
): Iterable<string> {
  if (added.includes('ALL')) return available;
  return dropped.includes('ALL') ? [] : DEFAULT_CAPABILITIES;
}

function normalize(name: string, field: string): string {
  const upper = name.toUpperCase();
  if (upper === 'ALL' || upper === 'CAP_ALL') return 'ALL';
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if ((ALL_CAPABILITIES as readonly string[]).includes(full)) return full;
  throw invalid(field, name, `invalid capability: "${name}"`);
}

/** Names in a capability mask as /proc/self/status prints it (`CapBnd`). */
export function capabilitiesOfMask(hexadecimal: string): Set<string> {
  const mask = BigInt(`0x${hexadecimal}`);
  return new Set(ALL_CAPABILITIES.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n));
}
