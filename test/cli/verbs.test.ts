import test from 'ava';
import { FakeAgent } from './fake-agent.ts';

const NODE_ID = 'n1'.padEnd(25, '0');
const MANAGER = {
  ID: NODE_ID,
  Version: { Index: 4 },
  Spec: { Labels: { zone: 'a' }, Role: 'manager', Availability: 'active' },
  Description: { Hostname: 'node-1', Engine: { EngineVersion: '0.1.0' } },
  Status: { State: 'ready', Addr: '198.18.0.1' },
  ManagerStatus: { Leader: true, Reachability: 'reachable', Addr: '198.18.0.1:2377' },
};
const WORKER = {
  ...MANAGER,
  ID: 'n2'.padEnd(25, '0'),
  Spec: { Labels: {}, Role: 'worker', Availability: 'drain' },
  Description: { Hostname: 'node-2', Engine: { EngineVersion: '0.1.0' } },
  Status: { State: 'down', Addr: '198.18.0.2' },
  ManagerStatus: undefined,
};
const INFO = {
  Name: 'node-1',
  ServerVersion: '0.1.0',
  Swarm: {
    NodeID: NODE_ID,
    NodeAddr: '198.18.0.1',
    LocalNodeState: 'active',
    ControlAvailable: true,
    Error: '',
  },
};
const SERVICE = {
  ID: 'svc1'.padEnd(25, '0'),
  Version: { Index: 12 },
  CreatedAt: '2026-01-01T00:00:00Z',
  UpdatedAt: '2026-01-01T00:00:00Z',
  Spec: {
    Name: 'whoami',
    Labels: { tier: 'web' },
    TaskTemplate: { ContainerSpec: { Image: 'whoami:1', Env: ['A=1', 'B=2'] } },
    Mode: { Replicated: { Replicas: 2 } },
    EndpointSpec: {
      Mode: 'vip',
      Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 8000, PublishMode: 'ingress' }],
    },
  },
  Endpoint: {
    Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 8000, PublishMode: 'ingress' }],
  },
  ServiceStatus: { RunningTasks: 1, DesiredTasks: 2 },
};
const task = (id: string, fields: object) => ({
  ID: id.padEnd(25, '0'),
  ServiceID: SERVICE.ID,
  NodeID: NODE_ID,
  DesiredState: 'running',
  CreatedAt: '2026-01-01T00:00:00Z',
  UpdatedAt: '2026-01-01T00:00:00Z',
  Spec: { ContainerSpec: { Image: 'whoami:1' } },
  Status: { State: 'running', Timestamp: '2026-01-01T00:00:00Z' },
  ...fields,
});

test("node ls prints docker's table", async (t) => {
  const agent = await FakeAgent.start(t, { 'GET /nodes': [MANAGER, WORKER], 'GET /info': INFO });
  const { status, stdout } = await agent.run('node', 'ls');
  t.is(status, 0);
  t.is(
    stdout,
    [
      'ID                            HOSTNAME   STATUS    AVAILABILITY   MANAGER STATUS   ' +
        'ENGINE VERSION',
      `${NODE_ID} *   node-1     Ready     Active         Leader           0.1.0`,
      `${WORKER.ID}     node-2     Down      Drain                           0.1.0`,
      '',
    ].join('\n'),
  );
});

test('lists can be ids, JSON or a template', async (t) => {
  const agent = await FakeAgent.start(t, { 'GET /nodes': [MANAGER], 'GET /info': INFO });
  t.is((await agent.run('node', 'ls', '-q')).stdout, `${NODE_ID}\n`);
  t.deepEqual(JSON.parse((await agent.run('node', 'ls', '--json')).stdout), [MANAGER]);
  const template = '{{.Description.Hostname}}:{{json .Spec.Labels}}';
  const { stdout } = await agent.run('node', 'ls', '--format', template);
  t.is(stdout, 'node-1:{"zone":"a"}\n');
});

test('node update changes only what was asked, under the version that was read', async (t) => {
  const path = `/nodes/${NODE_ID}`;
  const agent = await FakeAgent.start(t, {
    [`GET /nodes/node-1`]: MANAGER,
    [`POST ${path}/update`]: '',
  });
  const words = ['node', 'update', '--availability', 'drain', '--label-add', 'rack=7', 'node-1'];
  const { status, stdout } = await agent.run(...words, '--label-rm', 'zone');
  t.is(status, 0);
  t.is(stdout, 'node-1\n');
  t.is(agent.asked.at(-1)?.line, `POST ${path}/update?version=4`);
  t.deepEqual(agent.bodyOf(`POST ${path}/update`), {
    Labels: { rack: '7' },
    Role: 'manager',
    Availability: 'drain',
  });
});

test('swarm init shows how to join', async (t) => {
  const agent = await FakeAgent.start(t, {
    'POST /swarm/init': JSON.stringify(NODE_ID),
    'GET /swarm': { JoinTokens: { Worker: 'SWMTKN-1-w', Manager: 'SWMTKN-1-m' } },
    'GET /info': INFO,
  });
  const { stdout } = await agent.run('swarm', 'init', '--advertise-addr', '198.18.0.1');
  t.true(stdout.startsWith(`Swarm initialized: current node (${NODE_ID}) is now a manager.\n`));
  t.true(stdout.includes('    hawser swarm join --token SWMTKN-1-w 198.18.0.1:2377\n'));
  t.like(agent.bodyOf('POST /swarm/init'), {
    AdvertiseAddr: '198.18.0.1',
    ListenAddr: '0.0.0.0:2377',
  });
  t.is((await agent.run('swarm', 'join-token', '-q', 'manager')).stdout, 'SWMTKN-1-m\n');
});

test('service create sends the spec that its flags describe', async (t) => {
  const agent = await FakeAgent.start(t, { 'POST /services/create': { ID: 'abc' } });
  const { status, stdout, stderr } = await agent.run(
    ...['service', 'create', '--detach', '--name', 'whoami', '--replicas', '3'],
    ...['--network', 'demo', '-p', '8000:80', '-e', 'FROM_SHELL', '-e', 'X=a=b'],
    ...['--mount', 'type=volume,src=data,dst=/data', '--limit-memory', '64m'],
    ...['--constraint', 'node.role==worker', '--stop-grace-period', '1m30s'],
    ...['whoami', 'sh', '-c', 'sleep --help'],
  );
  t.deepEqual({ status, stdout, stderr }, { status: 0, stdout: 'abc\n', stderr: '' });
  t.deepEqual(agent.bodyOf('POST /services/create'), {
    Name: 'whoami',
    Labels: {},
    TaskTemplate: {
      ContainerSpec: {
        Image: 'whoami:latest',
        Args: ['sh', '-c', 'sleep --help'],
        Env: ['FROM_SHELL=yes', 'X=a=b'],
        Mounts: [{ Type: 'volume', Source: 'data', Target: '/data' }],
        StopGracePeriod: 90e9,
      },
      Resources: { Limits: { MemoryBytes: 64 * 1024 * 1024 } },
      Placement: { Constraints: ['node.role==worker'] },
      Networks: [{ Target: 'demo' }],
    },
    Mode: { Replicated: { Replicas: 3 } },
    EndpointSpec: {
      Mode: 'vip',
      Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 8000, PublishMode: 'ingress' }],
    },
  });
});

test('service create waits until the tasks run', async (t) => {
  const answers: Record<string, unknown> = {
    'POST /services/create': { ID: SERVICE.ID },
    [`GET /services/${SERVICE.ID}`]: SERVICE,
    'GET /tasks': [task('t1', {})],
  };
  const agent = await FakeAgent.start(t, answers);
  const running = agent.run('service', 'create', 'whoami');
  while (!agent.asked.some(({ line }) => line.startsWith('GET /tasks'))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  answers['GET /tasks'] = [task('t1', {}), task('t2', {})];
  const { stdout } = await running;
  t.is(
    stdout,
    [
      SERVICE.ID,
      'overall progress: 1 out of 2 tasks',
      'overall progress: 2 out of 2 tasks',
      `verify: Service ${SERVICE.ID} converged`,
      '',
    ].join('\n'),
  );
});

test('service ls and ps print docker’s tables', async (t) => {
  const failed = { State: 'failed', Timestamp: '2026-01-01T00:00:00Z', Err: 'x'.repeat(40) };
  const agent = await FakeAgent.start(t, {
    'GET /services': [SERVICE],
    'GET /services/whoami': SERVICE,
    'GET /nodes': [MANAGER],
    'GET /tasks': [
      task('old', { Slot: 1, DesiredState: 'shutdown', Status: failed }),
      task('new', { Slot: 1, CreatedAt: '2026-01-02T00:00:00Z' }),
    ],
  });
  const list = (await agent.run('service', 'ls')).stdout.split('\n');
  t.is(list[0], 'ID             NAME      MODE         REPLICAS   IMAGE      PORTS');
  t.is(list[1], 'svc100000000   whoami    replicated   1/2        whoami:1   *:8000->80/tcp');
  const tasks = (await agent.run('service', 'ps', 'whoami')).stdout.split('\n');
  t.regex(tasks[1] ?? '', /^new000000000 {3}whoami\.1 .* node-1 +Running +Running \d+ \w+ ago/);
  t.regex(tasks[2] ?? '', /^old000000000 {3} \\_ whoami\.1 .* Shutdown +Failed .* "x{29}…"/);
});

test('service scale and update write the changed spec', async (t) => {
  const agent = await FakeAgent.start(t, {
    'GET /services/whoami': SERVICE,
    [`POST /services/${SERVICE.ID}/update`]: { Warnings: null },
  });
  const update = `POST /services/${SERVICE.ID}/update`;
  const scaled = await agent.run('service', 'scale', '-d', 'whoami=5');
  t.is(scaled.stdout, 'whoami scaled to 5\n');
  t.like(agent.bodyOf(update), { Name: 'whoami', Mode: { Replicated: { Replicas: 5 } } });
  t.is(agent.asked.at(-1)?.line, `${update}?version=12`);

  await agent.run(
    ...['service', 'update', '-d', '--image', 'whoami:2', '--env-rm', 'A', '--env-add', 'B=3'],
    ...['--publish-rm', '80', '--publish-add', '9000:90/udp', '--force', 'whoami'],
  );
  t.like(agent.bodyOf(update), {
    Labels: { tier: 'web' },
    TaskTemplate: { ContainerSpec: { Image: 'whoami:2', Env: ['B=3'] }, ForceUpdate: 1 },
    EndpointSpec: {
      Mode: 'vip',
      Ports: [{ Protocol: 'udp', TargetPort: 90, PublishedPort: 9000, PublishMode: 'ingress' }],
    },
  });
});

test('service logs says which task said what', async (t) => {
  const details = `com.docker.swarm.node.id=${NODE_ID},com.docker.swarm.service.id=${SERVICE.ID},`;
  const line = `${details}com.docker.swarm.task.id=${'t1'.padEnd(25, '0')} hello\n`;
  const frame = Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, line.length]), Buffer.from(line)]);
  const agent = await FakeAgent.start(t, {
    'GET /services/whoami': SERVICE,
    'GET /tasks': [task('t1', { Slot: 2 })],
    'GET /nodes': [MANAGER],
    'GET /services/whoami/logs': frame,
  });
  const { stdout } = await agent.run('service', 'logs', 'whoami');
  t.is(stdout, 'whoami.2.t10000000000@node-1    | hello\n');
});

test('networks are created with their subnets and listed', async (t) => {
  const agent = await FakeAgent.start(t, {
    'POST /networks/create': { Id: 'net1', Warning: '' },
    'GET /networks': [{ Id: 'n'.repeat(25), Name: 'demo', Driver: 'overlay', Scope: 'swarm' }],
  });
  const words = ['network', 'create', '-d', 'overlay', '--subnet', '10.9.0.0/24', 'demo'];
  t.is((await agent.run(...words)).stdout, 'net1\n');
  t.like(agent.bodyOf('POST /networks/create'), {
    Name: 'demo',
    Driver: 'overlay',
    IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: '10.9.0.0/24' }] },
  });
  t.is(
    (await agent.run('network', 'ls')).stdout,
    `NETWORK ID     NAME      DRIVER    SCOPE\n${'n'.repeat(12)}   demo      overlay   swarm\n`,
  );
});

test('images are imported from a stream and listed by name', async (t) => {
  const agent = await FakeAgent.start(t, {
    'POST /images/create': '{"status":"sha256:abc"}\r\n',
    'GET /images/json': [
      { Id: `sha256:${'a'.repeat(64)}`, RepoTags: ['whoami:1'], Created: 0, Size: 3_123_200 },
    ],
  });
  const words = ['image', 'import', '--change', 'CMD ["sh"]', import.meta.filename, 'whoami'];
  t.is((await agent.run(...words)).stdout, 'sha256:abc\n');
  t.is(
    agent.asked.at(-1)?.line,
    'POST /images/create?fromSrc=-&repo=whoami&tag=latest&changes=CMD+%5B%22sh%22%5D',
  );
  const rows = (await agent.run('image', 'ls')).stdout.split('\n');
  t.regex(rows[1] ?? '', /^whoami {7}1 {9}a{12} {3}\d+ years ago {3}3\.12MB$/);
});

test('status is one look at node and cluster', async (t) => {
  const agent = await FakeAgent.start(t, {
    'GET /info': INFO,
    'GET /nodes': [MANAGER, WORKER],
    'GET /services': [SERVICE],
  });
  const { stdout } = await agent.run('status');
  t.true(stdout.includes('managers    1 of 1 reachable; node-1 leads\n'));
  t.true(stdout.includes('nodes       1 of 2 ready\n'));
  t.true(stdout.includes('services    1; short of tasks: whoami\n'));
});

test('without a leader, status says so and asks no further', async (t) => {
  const Swarm = { ...INFO.Swarm, Error: 'The swarm does not have a leader.' };
  const agent = await FakeAgent.start(t, { 'GET /info': { ...INFO, Swarm } });
  const { status, stdout } = await agent.run('status');
  t.is(status, 0);
  t.true(stdout.includes('problem     The swarm does not have a leader.\n'));
});

const ROLES = [
  { verb: 'promote', node: WORKER, role: 'manager', says: 'Node x promoted to a manager' },
  { verb: 'demote', node: MANAGER, role: 'worker', says: 'Manager x demoted' },
];

for (const { verb, node, role, says } of ROLES) {
  test(`node ${verb} changes the role and says so`, async (t) => {
    const answers = { 'GET /nodes/x': node, [`POST /nodes/${node.ID}/update`]: '' };
    const agent = await FakeAgent.start(t, answers);
    t.is((await agent.run('node', verb, 'x')).stdout, `${says} in the swarm.\n`);
    const line = `POST /nodes/${node.ID}/update`;
    t.deepEqual(agent.bodyOf(line), { ...node.Spec, Role: role });
    t.is(agent.asked.at(-1)?.line, `${line}?version=4`);
  });

  test(`node ${verb} leaves a node that has the role`, async (t) => {
    const other = node === WORKER ? MANAGER : WORKER;
    const agent = await FakeAgent.start(t, { 'GET /nodes/x': other });
    const { status, stdout } = await agent.run('node', verb, 'x');
    t.is(status, 0);
    t.is(stdout, `Node ${other.ID} is already a ${role}.\n`);
  });
}

test('nodes are promoted one after the other, until one is refused', async (t) => {
  const agent = await FakeAgent.start(t, {
    'GET /nodes/a': WORKER,
    [`POST /nodes/${WORKER.ID}/update`]: 500,
    'GET /nodes/b': WORKER,
  });
  t.is((await agent.run('node', 'promote', 'a', 'b')).status, 3);
  t.false(agent.asked.some(({ line }) => line === 'GET /nodes/b'));
});
