/**
 * Docker's default seccomp profile for a set of capabilities, in the form of the OCI runtime
 * specification.
 */
import {
  ALLOWED_BY_ARCHITECTURE,
  ALLOWED_BY_CAPABILITY,
  ALWAYS_ALLOWED,
  SECCOMP_ARCHITECTURES,
} from './seccomp-table.ts';

interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: 'SCMP_CMP_NE' | 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ';
}

interface SeccompRule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArgument[];
}

export interface SeccompProfile {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly SeccompRule[];
}

const EPERM = 1;
const ENOSYS = 38;
/** Sockets to the hypervisor are not a container's business. */
const AF_VSOCK = 40;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET: no new namespaces. */
const CLONE_NAMESPACE_FLAGS = 0x7e020000;
/** PER_LINUX, PER_LINUX32, UNAME26 of both, and "tell me". */
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

/** `architecture` in OCI's words (`amd64`); `capabilities` are those of the bounding set. */
export function seccompProfile(
  architecture: string,
  capabilities: ReadonlySet<string>,
): SeccompProfile {
  const byArchitecture = ALLOWED_BY_ARCHITECTURE[architecture] ?? [];
  const byCapability = Object.entries(ALLOWED_BY_CAPABILITY)
    .filter(([capability]) => capabilities.has(capability))
    .flatMap(([, names]) => names);
  const names = [...new Set([...ALWAYS_ALLOWED, ...byArchitecture, ...byCapability])];
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: SECCOMP_ARCHITECTURES[architecture] ?? [],
    syscalls: [
      { names, action: 'SCMP_ACT_ALLOW' },
      allowIf('socket', { index: 0, value: AF_VSOCK, op: 'SCMP_CMP_NE' }),
      ...PERSONALITIES.map((value) =>
        allowIf('personality', { index: 0, value, op: 'SCMP_CMP_EQ' }),
      ),
      ...(capabilities.has('CAP_SYS_ADMIN') ? [] : cloneRules(architecture)),
    ],
  };
}

function allowIf(name: string, argument: SeccompArgument): SeccompRule {
  return { names: [name], action: 'SCMP_ACT_ALLOW', args: [argument] };
}

/**
 * clone3 has its flags in memory, where a filter cannot look: ENOSYS makes libc fall back to clone.
 */
function cloneRules(architecture: string): SeccompRule[] {
  // On s390 the flags are clone's second argument.
  const index = architecture === 's390x' ? 1 : 0;
  return [
    allowIf('clone', {
      index,
      value: CLONE_NAMESPACE_FLAGS,
      valueTwo: 0,
      op: 'SCMP_CMP_MASKED_EQ',
    }),
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
  ];
}
