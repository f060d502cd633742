/** The unchanged docker CLI against the API over fakes: what it prints is what users see. */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { ClusterError } from '../../src/cluster/index.ts';
import { Fixture, containerSpec, dockerMissing } from './fixture.ts';

const missing = dockerMissing();
const withDocker = (title: string, run: (t: ExecutionContext) => Promise<void>): void => {
  if (missing === undefined) test(title, run);
  else test.skip(`${title} (${missing})`, run);
};

const QUICK = ['--update-monitor', '10ms'];

async function succeed(fixture: Fixture, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await fixture.docker(...args);
  if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${code}: ${stderr}`);
  return stdout;
}

withDocker('docker version and info know both sides', async (t) => {
  const fixture = await Fixture.start(t);
  t.regex(await succeed(fixture, 'version'), /Server: Hawser[^]*API version: +1\.51/);
  const format = '{{.Swarm.LocalNodeState}} {{.NCPU}} {{.OperatingSystem}}';
  t.is(
    (await succeed(fixture, 'info', '--format', format)).trim(),
    'inactive 2 Debian GNU/Linux 12 (bookworm)',
  );
});

withDocker('docker swarm init prints the join command, and leave asks for force', async (t) => {
  const fixture = await Fixture.start(t);
  const said = await succeed(fixture, 'swarm', 'init', '--advertise-addr', '198.18.0.1');
  t.regex(said, /docker swarm join --token SWMTKN-1-\S+ 198\.18\.0\.1:2377/);
  const before = await succeed(fixture, 'swarm', 'join-token', '-q', 'worker');
  const after = await succeed(fixture, 'swarm', 'join-token', '-q', '--rotate', 'worker');
  t.not(before, after);
  t.is((await fixture.docker('swarm', 'unlock-key')).stderr.trim(), 'no unlock key is set');
  t.regex((await fixture.docker('swarm', 'leave')).stderr, /--force/);
  t.regex(await succeed(fixture, 'swarm', 'leave', '--force'), /Node left the swarm/);
});

withDocker('docker swarm join says as what this node joined', async (t) => {
  const fixture = await Fixture.start(t);
  const args = ['swarm', 'join', '--token', 'SWMTKN-1-a-b', '198.18.0.1:2377'];
  t.is((await succeed(fixture, ...args)).trim(), 'This node joined a swarm as a worker.');
  const refused = await fixture.docker('node', 'ls');
  t.is(refused.code, 1);
  t.regex(refused.stderr, /Worker nodes can't be used to view or modify cluster state/);
});

withDocker('docker node lists, inspects, updates, promotes and demotes', async (t) => {
  const fixture = await Fixture.startManager(t);
  const format = '{{.Hostname}} {{.Self}} {{.Status}} {{.Availability}} {{.ManagerStatus}}';
  await succeed(fixture, 'node', 'update', '--availability', 'drain', 'node-2');
  t.deepEqual((await succeed(fixture, 'node', 'ls', '--format', format)).trim().split('\n'), [
    'node-1 true Ready Active Leader',
    'node-2 false Ready Drain ',
    'node-3 false Ready Active',
  ]);
  t.regex(await succeed(fixture, 'node', 'inspect', '--pretty', 'self'), /Leader:\s+Yes/);
  t.regex(await succeed(fixture, 'node', 'promote', 'node-3'), /node-3 promoted to a manager/);
  t.regex(await succeed(fixture, 'node', 'promote', 'node-3'), /is already a manager/);
  t.regex(await succeed(fixture, 'node', 'demote', 'node-3'), /node-3 demoted in the swarm/);
  const last = await fixture.docker('node', 'demote', 'node-1');
  t.regex(last.stderr, /attempting to demote the last manager of the swarm/);
  t.regex((await fixture.docker('node', 'rm', 'node-3')).stderr, /not down/);
});

withDocker('docker shows who leads and who is away, and warns a manager that leaves', async (t) => {
  const fixture = await Fixture.startManager(t);
  fixture.member.addManager(4);
  fixture.member.unreachable.add(fixture.member.addManager(5));
  const format = '{{.Hostname}} {{.ManagerStatus}}';
  t.deepEqual((await succeed(fixture, 'node', 'ls', '--format', format)).trim().split('\n'), [
    'node-1 Leader',
    'node-2 ',
    'node-3 ',
    'node-4 Reachable',
    'node-5 Unreachable',
  ]);
  const info = await succeed(fixture, 'info');
  t.regex(info, /Is Manager: true[^]*Managers: 3[^]*Nodes: 5[^]*198\.18\.0\.5:2377/);
  const demoted = await fixture.docker('node', 'demote', 'node-4');
  t.regex(demoted.stderr, /this would result in a loss of quorum/);
  const left = await fixture.docker('swarm', 'leave');
  t.regex(left.stderr, /Removing this node leaves 1 managers out of 3\./);
});

withDocker('without a leader docker says so, and can force a new cluster', async (t) => {
  const fixture = await Fixture.startManager(t);
  fixture.member.hasLeader = false;
  const text = 'The swarm does not have a leader.';
  fixture.member.unavailable = new ClusterError({ code: 'no-leader' }, text);
  for (const args of [
    ['node', 'ls'],
    ['service', 'create', '-d', 'busybox'],
    ['network', 'create', '-d', 'overlay', 'demo'],
    ['swarm', 'join-token', 'manager'],
  ]) {
    const refused = await fixture.docker(...args);
    t.not(refused.code, 0);
    t.true(refused.stderr.includes(text));
  }
  const format = '{{.Swarm.ControlAvailable}} {{.Swarm.Error}}';
  t.regex(await succeed(fixture, 'info', '--format', format), /^true The swarm does not have a/);
  await fixture.docker('swarm', 'init', '--force-new-cluster');
  t.like(fixture.member.inits.at(-1), { isForcedNew: true });
});

withDocker('docker network creates, lists, inspects and removes', async (t) => {
  const fixture = await Fixture.startManager(t);
  const id = (await succeed(fixture, 'network', 'create', '-d', 'overlay', 'demo')).trim();
  t.regex(id, /^[0-9a-z]{25}$/);
  const format = '{{.Name}} {{.Driver}} {{.Scope}}';
  t.deepEqual((await succeed(fixture, 'network', 'ls', '--format', format)).trim().split('\n'), [
    'demo overlay swarm',
    'hawser_gw bridge local',
    'ingress overlay swarm',
  ]);
  const subnet = '{{(index .IPAM.Config 0).Subnet}}';
  t.is((await succeed(fixture, 'network', 'inspect', '-f', subnet, 'demo')).trim(), '10.0.1.0/24');
  const overlap = ['network', 'create', '-d', 'overlay', '--subnet', '10.0.1.0/25', 'other'];
  t.is((await fixture.docker(...overlap)).code, 1);
  t.is((await succeed(fixture, 'network', 'rm', 'demo')).trim(), 'demo');
});

withDocker('docker service create waits until the service converged', async (t) => {
  const fixture = await Fixture.startManager(t);
  await succeed(fixture, 'network', 'create', '-d', 'overlay', 'demo');
  const created = await succeed(
    fixture,
    ...['service', 'create', '--name', 'whoami', '--replicas', '3', '--network', 'demo'],
    ...['-p', '8000:8000', ...QUICK, 'busybox'],
  );
  t.regex(created, /overall progress: 3 out of 3 tasks/);
  t.regex(created, /verify: Service \S+ converged/);
  const listed = await succeed(
    fixture,
    'service',
    'ls',
    '--format',
    '{{.Name}} {{.Replicas}} {{.Ports}}',
  );
  t.is(listed.trim(), 'whoami 3/3 *:8000->8000/tcp');
  const tasks = await succeed(
    fixture,
    'service',
    'ps',
    '--format',
    '{{.Name}} {{.Node}}',
    'whoami',
  );
  t.deepEqual(tasks.trim().split('\n'), ['whoami.1 node-1', 'whoami.2 node-2', 'whoami.3 node-3']);
  t.regex(await succeed(fixture, 'service', 'scale', 'whoami=2'), /converged/);
  t.regex(await succeed(fixture, 'service', 'update', '--env-add', 'A=b', 'whoami'), /converged/);
  t.regex(await succeed(fixture, 'service', 'inspect', '--pretty', 'whoami'), /Replicas:\s+2/);
  t.regex((await fixture.docker('network', 'rm', 'demo')).stderr, /in use by service whoami/);
  t.is((await succeed(fixture, 'service', 'rm', 'whoami')).trim(), 'whoami');
});

withDocker('a global service converges as well', async (t) => {
  const fixture = await Fixture.startManager(t);
  const args = ['service', 'create', '--mode', 'global', '--name', 'g', ...QUICK, 'busybox'];
  t.regex(await succeed(fixture, ...args), /overall progress: 3 out of 3 tasks[^]*converged/);
});

const REFUSED = [
  { args: ['--name', 'x', 'nosuch:1'], message: /No such image: nosuch:1/ },
  { args: ['--name', 'x', '--network', 'nosuch', 'busybox'], message: /network nosuch not found/ },
  { args: ['--name', 'taken', 'busybox'], message: /already exists/ },
  { args: ['--name', 'x', '-p', '8000:1', 'busybox'], message: /port '8000' is already in use/ },
];

for (const { args, message } of REFUSED) {
  withDocker(`docker service create ${args.join(' ')} is refused`, async (t) => {
    const fixture = await Fixture.startManager(t);
    await succeed(
      fixture,
      'service',
      'create',
      '-d',
      '--name',
      'taken',
      '-p',
      '8000:80',
      'busybox',
    );
    const { code, stderr } = await fixture.docker('service', 'create', ...args);
    t.is(code, 1);
    t.regex(stderr, message);
    t.is(fixture.member.store.services.size, 1);
  });
}

withDocker('docker service logs names the tasks that wrote', async (t) => {
  const fixture = await Fixture.startManager(t);
  const create = ['service', 'create', '-d', '--name', 'web', '--replicas', '2', 'busybox'];
  await succeed(fixture, ...create);
  fixture.member.logLines = [
    { stream: 'stdout', time: '2026-01-01T00:00:00.5Z', line: Buffer.from('hello world\n') },
  ];
  const pretty = (await succeed(fixture, 'service', 'logs', 'web')).trim().split('\n');
  t.is(pretty.length, 2);
  t.regex(pretty[0] ?? '', /^web\.1\.[0-9a-z]{12}@node-1 +\| hello world$/);
  const raw = await succeed(fixture, 'service', 'logs', '--raw', '-t', 'web');
  t.regex(raw, /^2026-01-01T00:00:00\.500000000Z hello world$/m);
});

withDocker('docker import, load, image ls, tag and rmi work on the node', async (t) => {
  const fixture = await Fixture.start(t);
  const tar = Buffer.alloc(3_000_000, 1);
  const imported = await fixture.dockerWithInput(tar, 'import', '-c', 'CMD sh', '-', 'busybox:1');
  t.regex(imported.stdout, /^sha256:[0-9a-f]{64}\n$/, imported.stderr);
  const loaded = await fixture.dockerWithInput(tar.subarray(1), 'load');
  t.is(loaded.stdout.trim(), 'Loaded image: loaded:1', loaded.stderr);
  await succeed(fixture, 'tag', 'busybox:1', 'team/app:2');
  t.is((await succeed(fixture, 'image', 'ls', '-q', 'team/*')).length, 13);
  t.regex(await succeed(fixture, 'rmi', 'loaded:1'), /Untagged: loaded:1/);
  t.regex((await fixture.docker('pull', 'redis')).stderr, /docker import/);
  t.regex((await fixture.docker('image', 'inspect', 'nosuch')).stderr, /No such image/);
});

withDocker('docker ps, inspect, logs, exec and rm reach a container', async (t) => {
  const fixture = await Fixture.start(t);
  const id = 'f'.repeat(64);
  const spec = containerSpec(id);
  fixture.runtime.put({ id, spec, imageId: 'x', state: 'running', createdAtMs: 0, pid: 1 });
  t.is((await succeed(fixture, 'ps', '-q')).trim(), id.slice(0, 12));
  t.is((await succeed(fixture, 'inspect', '-f', '{{.State.Running}}', 'fff')).trim(), 'true');
  fixture.runtime.logLines = [
    { stream: 'stderr', time: '2026-01-01T00:00:00Z', line: Buffer.from('oops\n') },
  ];
  t.is((await fixture.docker('logs', 'fff')).stderr, 'oops\n');
  const script = 'echo out; echo err >&2; exit 5';
  const executed = await fixture.docker('exec', 'fff', 'sh', '-c', script);
  t.deepEqual(executed, { code: 5, stdout: 'out\n', stderr: 'err\n' });
  const piped = await fixture.dockerWithInput('x'.repeat(300_000), 'exec', '-i', 'fff', 'wc', '-c');
  t.is(piped.stdout.trim(), '300000');
  t.is((await fixture.docker('rm', 'fff')).code, 1);
  await succeed(fixture, 'rm', '-f', 'fff');
  t.regex((await fixture.docker('run', 'busybox')).stderr, /containers here are tasks/);
});

withDocker('docker stack deploy and rm work on services and networks', async (t) => {
  const fixture = await Fixture.startManager(t);
  const compose = 'services: {web: {image: busybox, deploy: {replicas: 2}}}';
  const deploy = ['stack', 'deploy', '-d=true', '-c', '-', 'shop'];
  const deployed = await fixture.dockerWithInput(compose, ...deploy);
  t.is(deployed.code, 0, deployed.stderr);
  const format = '{{.Name}} {{.Replicas}}';
  const listed = await succeed(fixture, 'stack', 'services', '--format', format, 'shop');
  t.is(listed.trim(), 'shop_web 2/2');
  await succeed(fixture, 'stack', 'rm', 'shop');
  t.is(fixture.member.store.services.size, 0);
});

const rootIn = (text: string): string =>
  /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(text)?.[0] ?? '';

withDocker(
  'docker swarm ca shows the root, and waits until every node has a new one',
  async (t) => {
    const fixture = await Fixture.startManager(t);
    const before = rootIn(await succeed(fixture, 'swarm', 'ca'));
    t.not(before, '');
    const rotated = await succeed(fixture, 'swarm', 'ca', '--rotate');
    t.regex(rotated, /desired root digest: sha256:/);
    t.not(rootIn(rotated), before);
    t.is(rootIn(await succeed(fixture, 'swarm', 'ca')), rootIn(rotated));
    fixture.member.doNodesMove = false;
    await succeed(fixture, 'swarm', 'ca', '--rotate', '--detach', '--cert-expiry', '48h');
    const format = '{{.Swarm.Cluster.RootRotationInProgress}}';
    t.is((await succeed(fixture, 'info', '--format', format)).trim(), 'true');
    t.is(rootIn(await succeed(fixture, 'swarm', 'ca')), rootIn(rotated));
    fixture.member.moveNodes();
    t.is((await succeed(fixture, 'info', '--format', format)).trim(), 'false');
    t.is(fixture.member.store.cluster?.spec.CAConfig.NodeCertExpiry, 48 * 3600e9);
  },
);

withDocker('docker swarm ca refuses what cannot be a root', async (t) => {
  const fixture = await Fixture.startManager(t);
  const expiry = await fixture.docker('swarm', 'update', '--cert-expiry', '10m');
  t.regex(expiry.stderr, /minimum certificate expiry time/);
  const url = 'protocol=cfssl,url=https://127.0.0.1:1/sign';
  const external = await fixture.docker('swarm', 'update', '--external-ca', url);
  t.is(external.code, 0, external.stderr);
  t.is(fixture.member.store.cluster?.spec.CAConfig.ExternalCAs?.[0]?.Protocol, 'cfssl');
});

withDocker('docker locks managers, shows the key, and unlocks', async (t) => {
  const fixture = await Fixture.start(t);
  const init = ['swarm', 'init', '--advertise-addr', '198.18.0.1', '--autolock'];
  t.regex(await succeed(fixture, ...init), /docker swarm unlock[^]*SWMKEY-1-k{43}/);
  const first = (await succeed(fixture, 'swarm', 'unlock-key', '-q')).trim();
  const rotated = await succeed(fixture, 'swarm', 'unlock-key', '--rotate');
  t.regex(rotated, /Successfully rotated manager unlock key\.[^]*SWMKEY-1-/);
  const second = (await succeed(fixture, 'swarm', 'unlock-key', '-q')).trim();
  t.regex(second, /^SWMKEY-1-[A-Za-z0-9+/]{43}$/);
  t.not(first, second);
  t.regex((await fixture.docker('swarm', 'unlock')).stderr, /swarm is not locked/);

  fixture.member.lock(second);
  const state = ['info', '--format', '{{.Swarm.LocalNodeState}}'];
  t.is((await succeed(fixture, ...state)).trim(), 'locked');
  t.regex(
    (await fixture.docker('node', 'ls')).stderr,
    /Swarm is encrypted and needs to be unlocked/,
  );
  t.regex((await fixture.docker('swarm', 'leave')).stderr, /Swarm is encrypted and locked/);
  const wrong = await fixture.dockerWithInput(`${first}\n`, 'swarm', 'unlock');
  t.is(wrong.code, 1);
  t.regex(wrong.stderr, /invalid key/);
  const right = await fixture.dockerWithInput(`${second}\n`, 'swarm', 'unlock');
  t.is(right.code, 0, right.stderr);
  t.is((await succeed(fixture, ...state)).trim(), 'active');

  await succeed(fixture, 'swarm', 'update', '--autolock=false');
  t.regex((await fixture.docker('swarm', 'unlock-key')).stderr, /no unlock key is set/);
  const rotate = await fixture.docker('swarm', 'unlock-key', '--rotate');
  t.regex(rotate.stderr, /autolock is not turned on/);
  t.regex(await succeed(fixture, 'swarm', 'update', '--autolock=true'), /SWMKEY-1-/);
});
