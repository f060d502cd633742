/** Stories 1 and 2 of a new user, typed with the docker CLI where the machine has one. */
import test from 'ava';
import {
  ask,
  eventually,
  hostsOf,
  IMAGE,
  QUICK,
  inLab,
  inTask,
  labDown,
  labNode,
  lookUp,
  nodeOf,
  startLab,
  tasksOf,
  verb,
  whenRunning,
} from './lab-fixture.ts';

test.before(() => startLab(3));
test.after.always(() => labDown());

const NODES = [1, 2, 3];

test.serial('three nodes are Ready and one leads', async (t) => {
  const rows = (await verb(t, 1, 'node', 'ls')).split('\n').slice(1);
  t.is(rows.length, 3);
  t.is(rows.filter((row) => row.includes('Ready')).length, 3);
  t.is(rows.filter((row) => row.includes('Leader')).length, 1);
});

test.serial(
  'story 1: a published service answers on every node, with and without a task',
  async (t) => {
    await verb(t, 1, 'network', 'create', '-d', 'overlay', 'demo');
    const names = await verb(t, 1, 'network', 'ls', '--format', '{{.Name}}');
    t.true(names.split('\n').includes('demo'));
    const create = ['service', 'create', ...QUICK, '--name', 'whoami', '-p', '8000:8000'];
    await verb(t, 1, ...create, '--network', 'demo', IMAGE);
    const [task] = await whenRunning(t, 'whoami', 1);
    const taskNode = task === undefined ? 0 : await nodeOf(task);
    t.true(NODES.includes(taskNode));

    for (const node of NODES) {
      await eventually(t, `127.0.0.1:8000 on node ${node}`, {
        look: () => ask(node, '127.0.0.1:8000', 1),
        holds: (answers) => hostsOf(answers)[0] !== '',
      });
      const own = await ask(node, `${labNode(node).address}:8000`, 3);
      t.is(hostsOf(own).length, 1, `the node's own address on node ${node}: ${own.join()}`);
      const outside = await ask('client', `${labNode(node).address}:8000`, 3);
      t.deepEqual(
        [...new Set(outside.map((answer) => answer.split(' ')[1]))],
        ['198.18.0.254'],
        'the task sees the address of the client outside',
      );
    }
  },
);

test.serial(
  'story 1: scaled to two, answers alternate between two hosts on every node',
  async (t) => {
    await verb(t, 1, 'service', 'scale', 'whoami=2');
    await whenRunning(t, 'whoami', 2);
    for (const node of NODES) {
      await eventually(t, `two hosts behind node ${node}`, {
        look: () => ask(node, '127.0.0.1:8000', 12),
        holds: (answers) => hostsOf(answers).length === 2 && !answers.includes(''),
      });
    }
  },
);

test.serial('story 2: a second service finds the first by name', async (t) => {
  const create = ['service', 'create', ...QUICK, '--name', 'client', '--network', 'demo'];
  await verb(t, 1, ...create, IMAGE, 'sleep', '86400');
  await whenRunning(t, 'client', 1);
  const [vip = ''] = await eventually(t, 'one address of whoami', {
    look: () => lookUp(t, 'client', 'whoami'),
    holds: (addresses) => addresses.length === 1,
  });
  const tasks = await lookUp(t, 'client', 'tasks.whoami');
  t.is(tasks.length, 2);
  t.false(tasks.includes(vip));
  t.regex(
    await inTask(t, 'client', 'ping', '-c', '1', '-W', '2', 'whoami'),
    new RegExp(`from ${vip}`),
  );
  for (const address of tasks) {
    const pinged = await inTask(t, 'client', 'ping', '-c', '1', '-W', '2', address);
    t.regex(pinged, / 0% packet loss/, address);
  }

  await verb(t, 1, 'service', 'scale', 'whoami=3');
  await whenRunning(t, 'whoami', 3);
  await eventually(t, 'three addresses of tasks.whoami', {
    look: () => lookUp(t, 'client', 'tasks.whoami'),
    holds: (addresses) => addresses.length === 3,
  });
  t.deepEqual(await lookUp(t, 'client', 'whoami'), [vip], 'scaling leaves the virtual IP');
});

test.serial('a task sees its client’s own address through the virtual IP', async (t) => {
  const ip = await inTask(t, 'client', 'sh', '-c', 'ip -4 -o addr show');
  const own = [...ip.matchAll(/inet ([\d.]+)\//g)].map((match) => match[1] ?? '');
  const loop = 'for i in 1 2 3 4 5 6 7 8 9; do timeout 3 wget -q -O - http://whoami:8000/; done';
  const answers = (await inTask(t, 'client', 'sh', '-c', loop)).trim().split('\n');
  const clients = new Set(answers.map((answer) => answer.split(' ')[1] ?? ''));
  t.is(clients.size, 1, answers.join());
  t.true(
    [...clients].every((address) => own.includes(address)),
    `${[...clients].join()} ${ip}`,
  );
});

test.serial('names that do not exist and AAAA of those that do are answered at once', async (t) => {
  const aaaa = await inTask(t, 'client', 'nslookup', '-type=aaaa', 'whoami');
  t.notRegex(aaaa, /timed out|NXDOMAIN|SERVFAIL/);
  t.deepEqual(await lookUp(t, 'client', 'nobody-has-this-name'), []);
});

test.serial('a task that dies is replaced and leaves the balance', async (t) => {
  const [victim] = await whenRunning(t, 'whoami', 3);
  if (victim?.Status.ContainerStatus === undefined) {
    t.fail('a running task has a container');
    return;
  }
  process.kill(victim.Status.ContainerStatus.PID, 'SIGKILL');
  await eventually(t, 'a replacement', {
    look: async () => (await tasksOf('whoami')).filter(({ Status }) => Status.State === 'running'),
    holds: (running) => running.length === 3 && running.every(({ ID }) => ID !== victim.ID),
  });
  await eventually(t, 'three hosts behind the port', {
    look: () => ask(2, '127.0.0.1:8000', 24),
    holds: (answers) => hostsOf(answers).length === 3 && !answers.includes(''),
  });
  t.true((await verb(t, 1, 'service', 'ps', 'whoami')).includes('\\_ whoami.'));
});

test.serial('a port of mode host answers where the task is and nowhere else', async (t) => {
  const port = 'published=8081,target=8000,mode=host';
  await verb(t, 1, 'service', 'create', ...QUICK, '--name', 'hosted', '--publish', port, IMAGE);
  const [task] = await whenRunning(t, 'hosted', 1);
  const taskNode = task === undefined ? 0 : await nodeOf(task);
  await eventually(t, `port 8081 of node ${taskNode}`, {
    look: () => ask('client', `${labNode(taskNode).address}:8081`, 1),
    holds: (answers) => answers[0] !== '',
  });
  for (const node of NODES.filter((number) => number !== taskNode)) {
    t.deepEqual(await ask('client', `${labNode(node).address}:8081`, 1), ['']);
  }
  await verb(t, 1, 'service', 'rm', 'hosted');
});

test.serial('a UDP port is published as well', async (t) => {
  // AF_INET, SOCK_DGRAM, UDP; any address, port 9000; each datagram is answered with the host's
  // name.
  const echo = [
    'socket(S, 2, 2, 17); bind(S, pack("Snx12", 2, 9000)) or die;',
    'while ($from = recv(S, $data, 1500, 0)) { send(S, `hostname`, 0, $from) }',
  ].join(' ');
  const create = ['service', 'create', ...QUICK, '--name', 'udp', '-p', '9000:9000/udp'];
  await verb(t, 1, ...create, IMAGE, 'perl', '-e', echo);
  await whenRunning(t, 'udp', 1);
  for (const node of NODES) {
    await eventually(t, `UDP port 9000 of node ${node}`, {
      look: async () => {
        const socket = `/dev/udp/${labNode(node).address}/9000`;
        const send = `exec 3<>${socket}; echo hi >&3; timeout 1 head -n 1 <&3`;
        return (await inLab('client', 'bash', '-c', send)).stdout.trim();
      },
      holds: (host) => host !== '',
    });
  }
  await verb(t, 1, 'service', 'rm', 'udp');
});

test.serial('the service’s words are in docker’s logs', async (t) => {
  await verb(
    t,
    1,
    'service',
    'create',
    '--name',
    'says',
    IMAGE,
    'sh',
    '-c',
    'echo said; sleep 1000',
  );
  await whenRunning(t, 'says', 1);
  await eventually(t, 'the log line', {
    look: () => verb(t, 1, 'service', 'logs', 'says'),
    holds: (text) => /says\.1\.\w+@\S+ +\| said/.test(text),
  });
});

test.serial('removed services leave no container, and then their network goes', async (t) => {
  await verb(t, 1, 'service', 'rm', 'whoami', 'client', 'says');
  for (const node of NODES) {
    await eventually(t, `no container on node ${node}`, {
      look: () => verb(t, node, 'ps', '-a', '-q'),
      holds: (ids) => ids === '',
    });
    t.deepEqual(await ask(node, '127.0.0.1:8000', 1), ['']);
  }
  t.is(await verb(t, 1, 'network', 'rm', 'demo'), 'demo');
});
