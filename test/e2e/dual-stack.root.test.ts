/** Networks with IPv6, as an operator sees them: names, virtual IPs, published ports, inspection. */
import test, { type ExecutionContext } from 'ava';
import {
  ask,
  eventually,
  hostsOf,
  IMAGE,
  inLab,
  inTask,
  labDown,
  labNode,
  QUICK,
  startLab,
  tryVerb,
  verb,
  whenRunning,
} from './lab-fixture.ts';

test.before(() => startLab(2));
test.after.always(() => labDown());

const NODES = [1, 2];
const PAGE = 'cgi-bin/index.cgi';

/** IPv6 addresses of a name, as a task of `cli` is told. */
async function lookUp6(t: ExecutionContext, name: string): Promise<string[]> {
  const printed = await inTask(t, 'cli', 'nslookup', '-type=aaaa', name);
  return [...printed.matchAll(/^Address(?: \d+)?:\s+(fd\S+)/gm)]
    .map(([, found = '']) => found)
    .sort();
}

/** The page at an address, asked by a task of `cli`: who answered, and whom it saw. */
async function page(t: ExecutionContext, address: string): Promise<string[]> {
  const printed = await inTask(
    t,
    'cli',
    'wget',
    '-q',
    '-O-',
    '-T5',
    `http://[${address}]:8000/${PAGE}`,
  );
  return printed.trim().split(' ');
}

test.serial('networks with a given subnet, and with one of the pool', async (t) => {
  const subnets = [
    '--subnet',
    'fd00:77::/64',
    '--subnet',
    '10.77.0.0/24',
    '--gateway',
    '10.77.0.9',
  ];
  await verb(t, 1, 'network', 'create', '-d', 'overlay', '--ipv6', ...subnets, 'given');
  await verb(t, 1, 'network', 'create', '-d', 'overlay', '--ipv6', 'duo');
  const format = '{{.EnableIPv6}} {{range .IPAM.Config}}{{.Subnet}} {{.Gateway}} {{end}}';
  t.is(
    await verb(t, 1, 'network', 'inspect', '--format', format, 'given'),
    'true 10.77.0.0/24 10.77.0.9 fd00:77::/64 fd00:77::1',
  );
  t.regex(
    await verb(t, 1, 'network', 'inspect', '--format', format, 'duo'),
    /fd\S+::\/64 fd\S+::1/,
  );
  const refused = ['network', 'create', '-d', 'overlay', '--subnet', 'fd00:78::/64', 'half'];
  const ran = await tryVerb(1, ...refused);
  t.not(ran.status, 0);
  t.regex(ran.stderr, /IPv6 subnet fd00:78::\/64 without --ipv6/);
});

test.serial('names, virtual IPs and tasks answer by IPv6', async (t) => {
  const create = ['service', 'create', '-d', ...QUICK];
  const published = ['-p', '8080:8000'];
  await verb(
    t,
    1,
    ...create,
    '--name',
    'web',
    '--network',
    'given',
    '--replicas',
    '2',
    ...published,
    IMAGE,
  );
  await verb(t, 1, ...create, '--name', 'cli', '--network', 'given', IMAGE, 'sleep', '1000000');
  await whenRunning(t, 'web', 2);
  await whenRunning(t, 'cli', 1);
  const [vip = ''] = await lookUp6(t, 'web');
  const tasks = await eventually(t, 'the addresses of both tasks', {
    look: () => lookUp6(t, 'tasks.web'),
    holds: (found) => found.length === 2,
  });
  t.false(tasks.includes(vip));
  t.regex(await inTask(t, 'cli', 'ping', '-6', '-c', '2', 'web'), / 0% packet loss/);
  for (const address of tasks)
    t.regex(await inTask(t, 'cli', 'ping', '-6', '-c', '1', address), / 0% packet loss/);
  const own = (await inTask(t, 'cli', 'ip', '-6', 'addr', 'show')).match(/fd00:77::[0-9a-f]+/)?.[0];
  const answers: string[][] = [];
  for (let times = 0; times < 4; times += 1) answers.push(await page(t, vip));
  t.is(new Set(answers.map(([host]) => host)).size, 2, 'both tasks, in turns');
  for (const [, seen] of answers) t.is(seen, own, "the client's own address");
  const back = await inTask(t, 'cli', 'nslookup', tasks[0] ?? '');
  t.regex(back, /name = web\.\d\.\w+\.given/);
});

test.serial(
  'published ports answer on every node by IPv6, from outside and on [::1]',
  async (t) => {
    for (const number of NODES) {
      const url = `http://[${labNode(number).address6}]:8080/${PAGE}`;
      const outside = await ask('client', url, 6);
      t.is(hostsOf(outside).length, 2, outside.join());
      for (const answer of outside) t.is(answer.split(' ')[1], 'fd00:18::fe');
      t.is(hostsOf(await ask(number, `http://[::1]:8080/${PAGE}`, 6)).length, 2);
      t.is(hostsOf(await ask(number, url, 6)).length, 2);
    }
  },
);

test.serial(
  'a task reaches the outside by IPv6, and is inspected as Docker shows it',
  async (t) => {
    t.regex(await inTask(t, 'cli', 'ping', '-6', '-c', '1', 'fd00:18::fe'), / 0% packet loss/);
    const format = '{{range .Endpoint.VirtualIPs}}{{.Addr}} {{end}}';
    t.regex(
      await verb(t, 1, 'service', 'inspect', '--format', format, 'web'),
      /fd00:77::[0-9a-f]+\/64/,
    );
    const hosts = await inTask(t, 'cli', 'cat', '/etc/hosts');
    t.regex(hosts, /^fd00:77::\S+\t/m);
  },
);

test.serial('what others delete of IPv6 is put back', async (t) => {
  const flush = ['nft', 'flush', 'ruleset'];
  const down = ['ip', '-6', 'address', 'flush', 'dev', 'hawser_gw', 'scope', 'global'];
  for (const command of [flush, down]) {
    await inLab(1, ...command);
    await eventually(t, `[::1] answers again after ${command.join(' ')}`, {
      look: () => ask(1, `http://[::1]:8080/${PAGE}`, 4),
      holds: (answers) => hostsOf(answers).length === 2,
    });
  }
});
