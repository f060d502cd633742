/**
 * Namespaces that others made, on a network of the cluster: beside tasks on other nodes, over a
 * killed agent, and given back as they were found.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import test from 'ava';
import { hawserProgram, labStart, labStop } from '../../src/lab/index.ts';
import {
  eventually,
  IMAGE,
  inTask,
  labDown,
  labNode,
  lookUp,
  QUICK,
  run,
  startLab,
  tryVerb,
  verb,
  whenRunning,
  type Ran,
} from './lab-fixture.ts';

/** By its path: a package's program of the same name stands before it where npx runs. */
const NFT = '/usr/sbin/nft';
const SPACES = ['hawser-foreign-a', 'hawser-foreign-b'] as const;
type Space = (typeof SPACES)[number];
const pathOf = (space: Space): string => `/run/netns/${space}`;

test.before(() => startLab(3));
test.after.always(async () => {
  for (const space of SPACES)
    if (existsSync(pathOf(space))) execFileSync('ip', ['netns', 'del', space]);
  await labDown();
});

/** Hawser's own verbs: docker has none for this. */
function hawser(node: number, ...words: readonly string[]): Promise<Ran> {
  return run([hawserProgram(), '-H', `unix://${labNode(node).socketPath}`, ...words]);
}

function inside(space: Space, ...command: readonly string[]): Promise<Ran> {
  return run(['nsenter', `--net=${pathOf(space)}`, '--', ...command]);
}

/** Everything that somebody could find changed in a namespace. */
async function snapshot(space: Space): Promise<string> {
  const looks = [
    ['ip', '-d', '-o', 'link'],
    ['ip', '-o', 'address'],
    ['ip', 'route', 'show', 'table', 'all'],
    ['ip', '-6', 'route', 'show', 'table', 'all'],
    ['ip', 'rule'],
    [NFT, 'list', 'ruleset'],
    ['sh', '-c', 'grep -r . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf 2>/dev/null'],
  ];
  const parts = await Promise.all(looks.map((look) => inside(space, ...look)));
  // Counters of time left are no settings.
  return parts.map(({ stdout }) => stdout.replace(/_lft \S+/g, '')).join('\n');
}

async function names(space: Space, name: string): Promise<string[]> {
  const { stdout } = await inside(space, 'dig', '+short', '+tries=1', '@127.0.0.11', name);
  return stdout.split('\n').filter((line) => /^[0-9.]+$/.test(line));
}

const found = new Map<Space, string>();

test.serial('there are namespaces of others, one with links and rules of its own', async (t) => {
  const [a, b] = SPACES;
  for (const space of SPACES) {
    await run(['ip', 'netns', 'add', space]);
    await inside(space, 'ip', 'link', 'set', 'lo', 'up');
  }
  const setUp = [
    'ip link add eth0 type veth peer name eth1',
    'ip address add 192.0.2.9/24 dev eth0',
    'ip link set eth0 up',
    'ip route add default via 192.0.2.1',
    `${NFT} 'add table inet theirs; add chain inet theirs c; add rule inet theirs c drop'`,
  ];
  t.is((await inside(a, 'sh', '-ec', setUp.join('\n'))).status, 0);
  for (const space of SPACES) found.set(space, await snapshot(space));
  t.regex(found.get(a) ?? '', /table inet theirs/);
  t.false((found.get(b) ?? '').includes('hawser'));
});

test.serial(
  'a namespace on a worker and a task on another node reach each other by name',
  async (t) => {
    await verb(t, 1, 'network', 'create', '-d', 'overlay', '--attachable', 'demo');
    await verb(t, 1, 'network', 'create', '-d', 'overlay', 'closed');
    const common = ['service', 'create', ...QUICK, '-d', '--network', 'demo', '--replicas', '2'];
    await verb(t, 1, ...common, '--name', 'whoami', IMAGE);
    await whenRunning(t, 'whoami', 2);
    const [a, b] = SPACES;
    const attached = await hawser(
      2,
      'attach',
      '--netns',
      pathOf(a),
      '--network',
      'demo',
      '--name',
      'alpha',
    );
    t.regex(attached.stdout, /^alpha hawser0 10\.0\.1\.\d+\n$/, attached.stderr);
    const fixed = ['--name', 'beta', '--ip', '10.0.1.77'];
    const second = await hawser(3, 'attach', '--netns', pathOf(b), '--network', 'demo', ...fixed);
    t.is(second.stdout, 'beta hawser0 10.0.1.77\n', second.stderr);
    t.is((await inside(a, 'ping', '-c1', '-W3', '10.0.1.77')).status, 0);
    t.deepEqual(await names(a, 'beta'), ['10.0.1.77']);
    t.deepEqual(await lookUp(t, 'whoami', 'beta'), ['10.0.1.77']);
    t.regex(await inTask(t, 'whoami', 'ping', '-c1', 'beta'), /0% packet loss/);
    t.is((await names(a, 'tasks.whoami')).length, 2);
    const [vip = ''] = await names(a, 'whoami');
    t.regex((await inside(a, 'curl', '-s', '--max-time', '5', `${vip}:8000`)).stdout, /^\S+ \S+$/m);
    const reverse = await inside(b, 'dig', '+short', '@127.0.0.11', '-x', '10.0.1.77');
    t.is(reverse.stdout, 'beta.demo.\n');
    t.regex(await verb(t, 3, 'network', 'inspect', 'demo'), /"Name": ?"beta"/);
    // The way to the outside stays theirs.
    t.regex((await inside(a, 'ip', 'route')).stdout, /^default via 192\.0\.2\.1/m);
  },
);

test.serial('what cannot be attached is refused, and nothing is left of it', async (t) => {
  const [a, b] = SPACES;
  const before = await snapshot(b);
  const refusals: readonly (readonly [number, RegExp, string, string])[] = [
    [3, /not manually attachable/, pathOf(b), 'closed'],
    [3, /network nowhere not found/, pathOf(b), 'nowhere'],
    [1, /is not a network namespace/, '/etc/passwd', 'demo'],
    [1, /is not a network namespace/, '/proc/self/ns/pid', 'demo'],
    [1, /node's own namespace/, '/run/netns/hawser-lab-1', 'demo'],
    [1, /called hawser already/, pathOf(b), 'demo'],
  ];
  for (const [node, text, path, network] of refusals) {
    const ran = await hawser(node, 'attach', '--netns', path, '--network', network);
    t.is(ran.status, 3, text.source);
    t.regex(ran.stderr, text);
  }
  const own = await hawser(2, 'attach', '--netns', pathOf(a), '--network', 'demo', '--name', 'x');
  t.regex(own.stderr, /reaches addresses of 10\.0\.1\.0\/24 already/);
  t.is((await hawser(1, 'attach', '--network', 'demo')).status, 2);
  t.is((await hawser(1, 'detach', 'nobody')).status, 3);
  t.is(await snapshot(b), before);
  t.deepEqual(
    readdirSync(`${labNode(1).runDirectory}/netns`).filter((name) => name.startsWith('j-')),
    [],
  );
});

test.serial('names and addresses are given once; a refused one is free again', async (t) => {
  const [, b] = SPACES;
  await run(['ip', 'netns', 'del', b]);
  await eventually(t, 'the namespace to be given back with its path', {
    look: () => hawser(3, 'attachments', '--quiet'),
    holds: ({ stdout }) => stdout === '',
  });
  await run(['ip', 'netns', 'add', b]);
  await inside(b, 'ip', 'link', 'set', 'lo', 'up');
  const attach = (...words: string[]): Promise<Ran> =>
    hawser(3, 'attach', '--netns', pathOf(b), '--network', 'demo', ...words);
  t.regex((await attach('--name', 'alpha')).stderr, /name alpha is taken/);
  t.regex((await attach('--name', 'whoami')).stderr, /name whoami is taken by service/);
  t.regex((await attach('--name', 'beta', '--ip', '10.0.9.1')).stderr, /10\.0\.1\.\d+-10\.0\.1\./);
  t.regex((await attach('--name', 'be/ta')).stderr, /no name/);
  // What went with its path goes to the managers in its own time.
  await eventually(t, 'the name and the address to be free', {
    look: () => attach('--name', 'beta', '--ip', '10.0.1.77'),
    holds: ({ stdout }) => stdout === 'beta hawser0 10.0.1.77\n',
  });
});

test.serial('an attachment is a backend of a service, and goes when it goes', async (t) => {
  const [a, b] = SPACES;
  const detached = await hawser(3, 'detach', 'beta');
  t.is(detached.status, 0, detached.stderr);
  const server = ['attach', '--netns', pathOf(b), '--network', 'demo', '--name', 'beta'];
  const attached = await hawser(3, ...server, '--service', 'whoami');
  t.is(attached.status, 0, attached.stderr);
  const address = attached.stdout.trim().split(' ')[2] ?? '';
  await eventually(t, 'the address among the tasks', {
    look: () => names(a, 'tasks.whoami'),
    holds: (seen) => seen.length === 3 && seen.includes(address),
  });
  const [vip = ''] = await names(a, 'whoami');
  const listen = `require("http").createServer((q,r)=>r.end("beta x\\n")).listen(8000)`;
  const serving = run([
    'nsenter',
    `--net=${pathOf(b)}`,
    '--',
    'timeout',
    '20',
    'node',
    '-e',
    listen,
  ]);
  const seen = new Set<string>();
  await eventually(t, 'answers of all three behind the virtual address', {
    look: async () => {
      const { stdout } = await inside(a, 'curl', '-s', '--max-time', '2', `${vip}:8000`);
      seen.add(stdout.split(' ')[0] ?? '');
      return [...seen].filter((host) => host !== '');
    },
    holds: (hosts) => hosts.length === 3 && hosts.includes('beta'),
  });
  t.is((await hawser(3, 'detach', 'beta')).status, 0);
  await eventually(t, 'the address to be gone', {
    look: () => names(a, 'tasks.whoami'),
    holds: (left) => left.length === 2,
  });
  const dropped = await inside(b, 'pkill', '-f', 'listen\\(8000\\)');
  t.true([0, 1].includes(dropped.status));
  await serving;
});

test.serial('kill -9 of the agent harms no packet; the next one adopts', async (t) => {
  const [a, b] = SPACES;
  const attach = ['attach', '--netns', pathOf(b), '--network', 'demo', '--name', 'beta'];
  const attached = await hawser(3, ...attach, '--ip', '10.0.1.78');
  t.is(attached.status, 0, attached.stderr);
  const before = await hawser(2, 'attachments', '--json');
  await labStop('2', 'SIGKILL');
  t.is((await inside(a, 'ping', '-c3', '-i0.2', '-W2', '10.0.1.78')).status, 0);
  await labStart('2');
  t.is((await hawser(2, 'attachments', '--json')).stdout, before.stdout);
  t.is((await inside(a, 'ping', '-c1', '-W2', '10.0.1.78')).status, 0);
  await eventually(t, 'names to be answered again', {
    look: () => names(a, 'beta'),
    holds: (seen) => seen.join() === '10.0.1.78',
  });
  await inside(a, NFT, 'delete table inet hawser');
  await inside(a, 'ip', 'address', 'flush', 'dev', 'hawser0');
  await eventually(t, 'what somebody took away to be there again', {
    look: () => names(a, 'whoami'),
    holds: (seen) => seen.length === 1,
  });
});

test.serial('a namespace is left as it was found', async (t) => {
  const [a, b] = SPACES;
  t.is((await hawser(2, 'detach', '--netns', pathOf(a))).stdout.trim().length, 25);
  t.is(await snapshot(a), found.get(a) ?? '');
  t.is((await hawser(3, 'detach', 'beta')).status, 0);
  t.is(await snapshot(b), found.get(b) ?? '');
  await verb(t, 1, 'service', 'rm', 'whoami');
  await eventually(t, 'the network to be free', {
    look: () => tryVerb(1, 'network', 'rm', 'demo'),
    holds: ({ status }) => status === 0,
  });
});
