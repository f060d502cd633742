/** What is wrong is refused with a clear message, and changes nothing. */
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  apiOf,
  IMAGE,
  QUICK,
  labDown,
  labNode,
  run,
  startLab,
  tryVerb,
  verb,
  whenRunning,
} from './lab-fixture.ts';

test.before(() => startLab(2));
test.after.always(() => labDown());

async function everything(): Promise<string> {
  const paths = ['/networks', '/services', '/nodes'];
  const api = apiOf(1);
  const found = await Promise.all(paths.map((path) => api.text({ method: 'GET', path })));
  return found.join('\n');
}

test.serial('refused with a message, and nothing changes', async (t) => {
  await verb(t, 1, 'network', 'create', '-d', 'overlay', '--subnet', '10.77.0.0/24', 'demo');
  const publish = ['-p', '8000:8000'];
  await verb(t, 1, 'service', 'create', ...QUICK, '-d', '--name', 'whoami', ...publish, IMAGE);
  await whenRunning(t, 'whoami', 1);
  const overlay = ['network', 'create', '-d', 'overlay'];
  const service = ['service', 'create', ...QUICK, '-d'];
  const refused: readonly (readonly string[])[] = [
    [...overlay, '--subnet', '10.77.0.0/25', 'overlapping'],
    [...overlay, '--subnet', '10.78.0.0/33', 'malformed'],
    [...overlay, '--subnet', '10.78.0.1/24', 'host-bits'],
    [...overlay, 'demo'],
    [...overlay, 'no spaces'],
    ['network', 'create', '-d', 'no-such-driver', 'other'],
    [...service, '--name', 'whoami', IMAGE],
    [...service, '--name', 'not a name', IMAGE],
    [...service, '--name', 'other', ...publish, IMAGE],
    [...service, '--name', 'other', '--network', 'no-such-network', IMAGE],
    ['network', 'rm', 'no-such-network'],
    ['service', 'rm', 'no-such-service'],
    ['node', 'update', '--availability', 'drain', 'no-such-node'],
  ];
  const before = await everything();
  for (const words of refused) {
    const ran = await tryVerb(1, ...words);
    t.not(ran.status, 0, words.join(' '));
    t.regex(ran.stderr, /\S/, words.join(' '));
    t.notRegex(ran.stderr, /internal|undefined|TypeError|assertion/i, words.join(' '));
  }
  t.is(await everything(), before);
});

test.serial('a manager’s call is refused by a worker', async (t) => {
  for (const words of [
    ['node', 'ls'],
    ['service', 'create', ...QUICK, '-d', IMAGE],
    ['network', 'create', '-d', 'overlay', 'x'],
  ]) {
    const ran = await tryVerb(2, ...words);
    t.not(ran.status, 0, words.join(' '));
    t.regex(ran.stderr, /not a swarm manager/, words.join(' '));
  }
});

test.serial('bad and wrong tokens are refused', async (t) => {
  const swarm = (await apiOf(1).call({ method: 'GET', path: '/swarm' })) as {
    JoinTokens: { Worker: string };
  };
  const good = swarm.JoinTokens.Worker;
  const remote = `${labNode(1).address}:2377`;
  await verb(t, 2, 'swarm', 'leave');
  const otherCa = good.replace(/^SWMTKN-1-[^-]+/, `SWMTKN-1-${'0'.repeat(50)}`);
  const otherSecret = good.replace(/[^-]+$/, 'a'.repeat(25));
  for (const token of ['nonsense', 'SWMTKN-1-x-y', otherCa, otherSecret]) {
    const ran = await tryVerb(2, 'swarm', 'join', '--token', token, remote);
    t.not(ran.status, 0, token);
    t.regex(ran.stderr, /\S/);
  }
  const info = (await apiOf(2).call({ method: 'GET', path: '/info' })) as {
    Swarm: { LocalNodeState: string };
  };
  t.is(info.Swarm.LocalNodeState, 'inactive');
  const advertise = ['--advertise-addr', labNode(2).address];
  const joined = await tryVerb(2, 'swarm', 'join', '--token', good, ...advertise, remote);
  t.is(joined.status, 0, joined.stderr);
});

test.serial('a body of 100 MB and JSON that is not JSON are refused', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hawser-big-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const big = join(directory, 'big.json');
  writeFileSync(big, `{"Name":"${'x'.repeat(100_000_000)}"}`);
  const post = async (body: string): Promise<string> => {
    const ran = await run([
      ...['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--unix-socket'],
      ...[labNode(1).socketPath, '-H', 'Content-Type: application/json'],
      ...['--data-binary', body, 'http://hawser/v1.40/networks/create'],
    ]);
    return ran.stdout;
  };
  const before = await everything();
  t.regex(await post(`@${big}`), /^4\d\d$/);
  t.is(await post('{"Name": oops'), '400');
  t.is(await post('[]'), '400');
  t.is(await everything(), before);
});
