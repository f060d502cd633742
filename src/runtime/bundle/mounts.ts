/**
 * Mounts that every container has, and those that a spec asks for. Source: moby oci/defaults.go,
 * opts/mount.
 */
import { invalid } from '../errors.ts';
import type { Mount } from '../../model/index.ts';

export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export const MASKED_PATHS: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

export const READONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

const SEALED = ['nosuid', 'noexec', 'nodev'];
const TERMINALS = ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'];

/** Kernel file systems; `source` is what the mount table shows. */
export function baseMounts(): readonly OciMount[] {
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: SEALED },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: TERMINALS },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: [...SEALED, 'mode=1777', 'size=65536k'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: SEALED },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...SEALED, 'ro'] },
    // runc makes of it what the host has: one cgroup2 mount, or one per controller.
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...SEALED, 'ro'] },
  ];
}

/** /etc/hosts, /etc/hostname and /etc/resolv.conf, which lie in the bundle's directory. */
export function fileMounts(directory: string, isReadOnly: boolean): readonly OciMount[] {
  return ['hosts', 'hostname', 'resolv.conf'].map((name) => ({
    destination: `/etc/${name}`,
    type: 'bind',
    source: `${directory}/${name}`,
    options: ['rbind', 'rprivate', isReadOnly ? 'ro' : 'rw'],
  }));
}

/** A bind of a host path: what a bind mount and a volume become. */
export function bindMount(source: string, wish: Mount): OciMount {
  return {
    destination: wish.Target,
    type: 'bind',
    source,
    options: ['rbind', 'rprivate', wish.ReadOnly === true ? 'ro' : 'rw'],
  };
}

export function tmpfsMount(wish: Mount): OciMount {
  const size = wish.TmpfsOptions?.SizeBytes;
  const mode = wish.TmpfsOptions?.Mode;
  return {
    destination: wish.Target,
    type: 'tmpfs',
    source: 'tmpfs',
    options: [
      'nosuid',
      'nodev',
      'noexec',
      ...(size === undefined || size === 0 ? [] : [`size=${size}`]),
      `mode=${(mode === undefined || mode === 0 ? 0o1777 : mode & 0o7777).toString(8)}`,
      ...(wish.ReadOnly === true ? ['ro'] : []),
    ],
  };
}

/** Throws `invalid`: relative or duplicate targets, the root itself, a bind without a source. */
export function validateMounts(wishes: readonly Mount[]): void {
  const targets = new Set<string>();
  for (const wish of wishes) {
    const target = wish.Target.replace(/\/+$/, '');
    if (!wish.Target.startsWith('/') || wish.Target.includes('\0')) {
      throw invalid(
        'mounts',
        wish.Target,
        `invalid mount target, must be an absolute path: ${wish.Target}`,
      );
    }
    if (target === '' || target.split('/').includes('..')) {
      throw invalid('mounts', wish.Target, `invalid mount target: ${wish.Target}`);
    }
    if (targets.has(target)) {
      throw invalid('mounts', wish.Target, `Duplicate mount point: ${wish.Target}`);
    }
    targets.add(target);
    validateSource(wish);
  }
}

function validateSource(wish: Mount): void {
  const source = wish.Source ?? '';
  if (wish.Type === 'bind' && !source.startsWith('/')) {
    throw invalid(
      'mounts',
      source,
      'invalid mount config for type "bind": ' +
        `invalid mount path: '${source}' mount path must be absolute`,
    );
  }
  if (
    wish.Type === 'volume' &&
    source !== '' &&
    !/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/.test(source)
  ) {
    throw invalid(
      'mounts',
      source,
      `invalid volume name: "${source}" includes invalid characters, ` +
        'only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed',
    );
  }
}
