import test from 'ava';
import { execFileSync } from 'node:child_process';
import { importBusybox, shellOf, World } from './support/world.ts';

const CASES = [
  {
    name: 'hosts, hostname and resolv.conf are what was given',
    script: 'cat /etc/hosts /etc/hostname /etc/resolv.conf; hostname',
    change: {},
    expected: '127.0.0.1 localhost\n10.0.0.3 web1\nweb1\nnameserver 127.0.0.11\nweb1\n',
  },
  {
    name: 'the environment is Docker’s, the image’s, the spec’s, in that order',
    script: 'echo "$PATH|$HOSTNAME|$IMAGE|$SPEC|$HOME|$(pwd)"',
    change: { env: ['SPEC=s', 'IMAGE=replaced'] },
    expected:
      '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin|' +
      'web1|replaced|s|/root|/work/dir\n',
  },
  {
    name: 'root holds Docker’s 14 capabilities',
    script: 'grep CapEff /proc/self/status',
    change: {},
    expected: 'CapEff:\t00000000a80425fb\n',
  },
  {
    name: 'another user holds none, and its groups come from the image',
    script: 'id -u; id -g; id -G; grep -E "CapEff|CapBnd" /proc/self/status',
    change: { user: 'web' },
    expected: '1000\n1001\n1001 1002\nCapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\n',
  },
  {
    name: 'capabilities are added and dropped',
    script: 'grep CapBnd /proc/self/status',
    change: { capabilityAdd: ['NET_ADMIN'], capabilityDrop: ['ALL'] },
    expected: 'CapBnd:\t0000000000001000\n',
  },
  {
    name: 'seccomp filters, and privileges may be gained',
    script:
      'grep -E "^(Seccomp|NoNewPrivs):" /proc/self/status; ' +
      'unshare -U true 2>/dev/null || echo refused',
    change: {},
    expected: 'NoNewPrivs:\t0\nSeccomp:\t2\nrefused\n',
  },
  {
    name: 'kernel files are masked or read-only, /sys too',
    script:
      'cat /proc/keys | head -1; touch /proc/sys/kernel/hostname 2>/dev/null || echo ro; ' +
      'touch /sys/x 2>/dev/null || echo ro; ls /sys/firmware',
    change: {},
    expected: 'ro\nro\n',
  },
  {
    name: '/dev/shm has 64 MiB, and /dev its devices',
    script:
      'grep -E "/dev/(shm|mqueue|pts) " /proc/mounts | while read a b c d; do echo $b $c; done; ' +
      'stat -f -c %b:%s /dev/shm; echo x > /dev/null; ' +
      'mknod /tmp/disk b 254 0 && head -c1 /tmp/disk 2>/dev/null || echo refused',
    change: {},
    expected: '/dev/pts devpts\n/dev/shm tmpfs\n/dev/mqueue mqueue\n16384:4096\nrefused\n',
  },
  {
    name: 'the process is the first of its pid namespace, alone',
    script: 'echo $$; ls /proc | grep -c "^[0-9]"',
    change: {},
    expected: '1\n3\n',
  },
  {
    name: 'a read-only root is read-only, its mounts are not',
    script:
      'touch /x 2>/dev/null || echo ro; touch /scratch/x && echo rw; cat /scratch/../etc/hostname',
    change: {
      isReadOnly: true,
      mounts: [
        { Type: 'tmpfs', Target: '/scratch', TmpfsOptions: { SizeBytes: 1 << 20, Mode: 0o700 } },
      ],
    },
    expected: 'ro\nrw\nweb1\n',
  },
  {
    name: 'sysctls and ulimits apply; low ports and ping are free',
    script:
      'cd /proc/sys/net; cat ipv4/ip_unprivileged_port_start core/somaxconn; ' +
      'ulimit -n; ulimit -Hc',
    change: {
      sysctls: { 'net.core.somaxconn': '1234' },
      ulimits: [
        { name: 'nofile', soft: 100, hard: 200 },
        { name: 'core', soft: 0, hard: -1 },
      ],
    },
    expected: '0\n1234\n100\nunlimited\n',
  },
] as const;

test.serial('a container’s inside is as Docker makes it', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  await importBusybox(runtime, ['ENV IMAGE=i', 'WORKDIR /work/dir']);
  const shell = shellOf(world, runtime);
  for (const { name, script, change, expected } of CASES) {
    const result = await shell(script, change);
    t.is(
      result.stdout,
      expected,
      `${name}: ${result.stderr} ${runtime.get(result.id)?.error ?? ''}`,
    );
  }
  t.deepEqual(await world.close(), []);
});

test.serial('limits of memory, processors and processes hold', async (t) => {
  const world = new World(t);
  const runtime = await world.runtime();
  await importBusybox(runtime);
  const shell = shellOf(world, runtime);
  const eaten = await shell('a=xxxxxxxxxxxxxxxx; while :; do a=$a$a; done', {
    memoryBytes: 24 << 20,
  });
  t.is(eaten.exitCode, 137);
  t.true(runtime.get(eaten.id)?.isOutOfMemoryKilled);
  const forks = await shell('for i in 1 2 3 4 5 6 7 8 9; do sleep 0.3 & done', { pids: 4 });
  t.regex(forks.stderr, /can't fork/);
  const burn = await shell(
    'i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; cd /sys/fs/cgroup; ' +
      'grep -h nr_throttled cpu/cpu.stat cpu.stat 2>/dev/null',
    { nanoCpus: 5e7 },
  );
  t.regex(burn.stdout, /nr_throttled [1-9]/);
  t.deepEqual(await world.close(), []);
});

test.serial('the given network namespace is joined', async (t) => {
  const world = new World(t);
  execFileSync('ip', ['-n', world.namespace, 'link', 'add', 'probe0', 'type', 'bridge']);
  const runtime = await world.runtime();
  await importBusybox(runtime);
  const result = await shellOf(world, runtime)('ls /sys/class/net | tr "\\n" " "');
  t.is(result.stdout, 'lo probe0 ');
  t.deepEqual(await world.close(), []);
});
