import { fc, testProp } from '@fast-check/ava';
import test from 'ava';
import { bundleConfig, type HostFacts } from '../../../src/runtime/bundle/bundle-config.ts';
import {
  ALL_CAPABILITIES,
  capabilitiesOfMask,
  resolveCapabilities,
} from '../../../src/runtime/bundle/capabilities.ts';
import {
  environmentOf,
  processArguments,
  workingDirectoryOf,
} from '../../../src/runtime/bundle/process.ts';
import { stringifyConfig } from '../../../src/runtime/bundle/rlimits.ts';
import { seccompProfile } from '../../../src/runtime/bundle/seccomp.ts';
import { resolveUser } from '../../../src/runtime/bundle/users.ts';
import { signalNumber } from '../../../src/runtime/monitor/signals.ts';
import {
  RuntimeError,
  type ContainerSpec,
  type OciImageConfig,
} from '../../../src/runtime/index.ts';
import { GOLDEN_BUNDLE } from '../support/golden-bundle.ts';

const HOST: HostFacts = {
  architecture: 'amd64',
  capabilities: new Set(ALL_CAPABILITIES),
  hasCgroupNamespaces: true,
  hasSwapLimit: true,
};

const IMAGE: OciImageConfig = {
  architecture: 'amd64',
  os: 'linux',
  config: {
    Entrypoint: ['/entry'],
    Cmd: ['serve'],
    Env: ['PATH=/bin', 'X=image'],
    WorkingDir: '/srv',
  },
  rootfs: { type: 'layers', diff_ids: [] },
};

const SPEC: ContainerSpec = {
  id: 'a'.repeat(64),
  name: 'web.1.x',
  image: 'app',
  env: ['Y=spec'],
  hasTty: false,
  isReadOnly: false,
  mounts: [],
  networkNamespacePath: '/run/hawser/netns/t-a',
  hostname: 'web',
  hostsFile: '',
  resolvConf: '',
  stopGraceMs: 1000,
  memoryBytes: 1 << 30,
  nanoCpus: 1_500_000_000,
  pids: 100,
  capabilityAdd: [],
  capabilityDrop: [],
  sysctls: { 'net.core.somaxconn': '9' },
  ulimits: [{ name: 'nofile', soft: 10, hard: -1 }],
  labels: {},
};

function config(
  spec: Partial<ContainerSpec> = {},
  host: Partial<HostFacts> = {},
): Record<string, unknown> {
  const made = bundleConfig({
    spec: { ...SPEC, ...spec },
    image: IMAGE,
    host: { ...HOST, ...host },
    user: { uid: 0, gid: 0, additionalGids: [0] },
    directory: '/data/c',
    mounts: [{ destination: '/x', type: 'bind', source: '/y', options: ['ro'] }],
    cgroupsPath: '/hawser/a',
  });
  return JSON.parse(stringifyConfig(made).replaceAll('18446744073709551615', '-1')) as Record<
    string,
    unknown
  >;
}

test('a container’s configuration is the golden one', (t) => {
  const { linux, mounts, ...rest } = config() as {
    linux: Record<string, unknown>;
    mounts: { destination: string }[];
  };
  const { seccomp, ...linuxRest } = linux;
  t.deepEqual<unknown, unknown>({ ...rest, linux: linuxRest }, GOLDEN_BUNDLE);
  t.truthy(seccomp);
  t.deepEqual(
    mounts.map(({ destination }) => destination),
    [
      '/proc',
      '/dev',
      '/dev/pts',
      '/dev/shm',
      '/dev/mqueue',
      '/sys',
      '/sys/fs/cgroup',
      '/etc/hosts',
      '/etc/hostname',
      '/etc/resolv.conf',
      '/x',
    ],
  );
});

test('what the host lacks is left out', (t) => {
  const { linux } = config({}, { hasCgroupNamespaces: false, hasSwapLimit: false }) as {
    linux: { namespaces: { type: string }[]; resources: { memory: unknown } };
  };
  t.false(linux.namespaces.some(({ type }) => type === 'cgroup'));
  t.deepEqual(linux.resources.memory, { limit: 1 << 30 });
});

const COMMANDS = [
  { spec: {}, expected: ['/entry', 'serve'] },
  { spec: { args: ['x'] }, expected: ['/entry', 'x'] },
  { spec: { command: ['/c'] }, expected: ['/c'] },
  { spec: { command: ['/c'], args: ['x', 'y'] }, expected: ['/c', 'x', 'y'] },
  { spec: { command: [], args: [] }, expected: ['/entry', 'serve'] },
];
for (const { spec, expected } of COMMANDS) {
  test(`the command of ${JSON.stringify(spec)}`, (t) =>
    t.deepEqual(processArguments(spec, IMAGE), expected));
}

test('no command at all is refused', (t) => {
  const error = t.throws(() => processArguments({}, { ...IMAGE, config: {} }), {
    instanceOf: RuntimeError,
  });
  t.is(error.message, 'no command specified');
});

test('environment entries replace and remove', (t) => {
  const env = environmentOf({ env: ['X', 'Z=1', 'Z=2'], hasTty: true, hostname: 'h' }, IMAGE);
  t.deepEqual(env, ['PATH=/bin', 'HOSTNAME=h', 'TERM=xterm', 'Z=2']);
});

test('the working directory is the spec’s, the image’s, or the root', (t) => {
  t.is(workingDirectoryOf({ workingDirectory: '/w/../v' }, IMAGE), '/v');
  t.is(workingDirectoryOf({}, IMAGE), '/srv');
  t.is(workingDirectoryOf({}, { ...IMAGE, config: {} }), '/');
});

const PASSWD =
  'root:x:0:0::/root:/bin/sh\n# comment\nweb:x:1000:1001::/:/bin/sh\n1000x:x:5:5::/:\nbroken\n';
const GROUP = 'root:x:0:\nweb:x:1001:\nlog:x:7:web,other\nnum:x:8:root\n';
const USERS = [
  { user: '', groups: [], expected: { uid: 0, gid: 0, additionalGids: [0, 8] } },
  { user: 'web', groups: [], expected: { uid: 1000, gid: 1001, additionalGids: [1001, 7] } },
  {
    user: '1000',
    groups: ['42', 'num'],
    expected: { uid: 1000, gid: 1001, additionalGids: [1001, 7, 42, 8] },
  },
  { user: '77', groups: [], expected: { uid: 77, gid: 0, additionalGids: [0] } },
  { user: 'web:log', groups: [], expected: { uid: 1000, gid: 7, additionalGids: [7] } },
  { user: '5:6', groups: [], expected: { uid: 5, gid: 6, additionalGids: [6] } },
  { user: 'nope', groups: [], expected: 'nope' },
  { user: 'web:nope', groups: [], expected: 'nope' },
  { user: '99999999999', groups: [], expected: '99999999999' },
];
for (const { user, groups, expected } of USERS) {
  test(`user ${JSON.stringify(user)} ${groups.join(' ')}`, (t) => {
    const resolve = () => resolveUser(user, groups, { passwd: PASSWD, group: GROUP });
    if (typeof expected !== 'string') return void t.deepEqual(resolve(), expected);
    const error = t.throws(resolve, { instanceOf: RuntimeError });
    t.is(error.detail.code === 'invalid' ? error.detail.value : '', expected);
  });
}

const CAPABILITIES = [
  { add: [], drop: [], size: 14 },
  { add: ['net_admin', 'CAP_SYS_PTRACE'], drop: [], size: 16 },
  { add: [], drop: ['ALL'], size: 0 },
  { add: ['CHOWN'], drop: ['ALL'], size: 1 },
  { add: ['ALL'], drop: [], size: 41 },
  { add: ['ALL'], drop: ['SYS_ADMIN'], size: 40 },
  { add: [], drop: ['NET_RAW'], size: 13 },
];
for (const { add, drop, size } of CAPABILITIES) {
  test(`capabilities +${add.join()} -${drop.join()}`, (t) => {
    t.is(resolveCapabilities({ add, drop, available: HOST.capabilities }).length, size);
  });
}

test('a capability that the host cannot give is refused only when asked for by name', (t) => {
  const available = capabilitiesOfMask('000001fffeffffff');
  t.false(available.has('CAP_SYS_RESOURCE'));
  t.is(resolveCapabilities({ add: ['ALL'], drop: [], available }).length, 40);
  t.throws(() => resolveCapabilities({ add: ['SYS_RESOURCE'], drop: [], available }), {
    instanceOf: RuntimeError,
  });
});

test('dangerous calls need their capability', (t) => {
  const allowed = (capabilities: string[]) =>
    new Set(seccompProfile('amd64', new Set(capabilities)).syscalls[0]?.names);
  for (const name of [
    'mount',
    'bpf',
    'setns',
    'unshare',
    'reboot',
    'init_module',
    'keyctl',
    'add_key',
    'kexec_load',
    'io_uring_setup',
    'clone',
    'socket',
    'personality',
    'userfaultfd',
  ]) {
    t.false(allowed([]).has(name), name);
  }
  t.true(allowed(['CAP_SYS_ADMIN']).has('mount'));
  t.true(allowed([]).has('read'));
  const rules = seccompProfile('amd64', new Set()).syscalls;
  t.deepEqual(rules.at(-1), { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 });
  t.false(
    seccompProfile('amd64', new Set(['CAP_SYS_ADMIN'])).syscalls.some(
      ({ names }) => names[0] === 'clone3',
    ),
  );
});

const SIGNALS = [
  { text: 'SIGTERM', expected: 15 },
  { text: 'term', expected: 15 },
  { text: '9', expected: 9 },
  { text: 'SIGRTMIN+3', expected: 37 },
  { text: 'RTMAX-1', expected: 63 },
];
for (const { text, expected } of SIGNALS)
  test(`signal ${text}`, (t) => t.is(signalNumber(text), expected));
for (const text of ['', '0', '65', 'SIGNOPE', 'RTMIN+99', '-9', 'constructor']) {
  test(`${JSON.stringify(text)} is no signal`, (t) => {
    t.throws(() => signalNumber(text), { instanceOf: RuntimeError });
  });
}

testProp(
  'numbers beyond JSON’s are written, and no text is mistaken for one',
  [fc.string(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  (t, text, number) => {
    const written = stringifyConfig({ text, number });
    t.true(written.endsWith(`"number":${number}}`));
    t.is((JSON.parse(written) as { text: string }).text, text);
  },
);
