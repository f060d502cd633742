import test from 'ava';
import { FakeAgent, runProgram } from './fake-agent.ts';

test('usage is exit status 2 and one line', async (t) => {
  const table: readonly (readonly string[])[] = [
    ['nonsense'],
    ['service', 'create'],
    ['service', 'create', '--publish', 'x', 'img'],
    ['service', 'scale', 'whoami'],
    ['swarm', 'join-token', 'boss'],
    ['lab', 'up', '--nodes', 'many'],
    ['--host', 'nowhere', 'node', 'ls'],
    ['agent', '--runtime', 'magic'],
    ['agent', '--gossip-port', '0'],
    ['network', 'create', '--gateway', '10.1.0.1', 'x'],
  ];
  for (const words of table) {
    const { status, stdout, stderr } = await runProgram(words);
    t.is(status, 2, words.join(' '));
    t.is(stdout, '');
    t.regex(stderr, /^hawser: [^\n]+\n$/);
  }
});

test('an agent that is not there is exit status 1 and says what to do', async (t) => {
  const { status, stderr } = await runProgram(['-H', '/nonexistent/hawser.sock', 'node', 'ls']);
  t.is(status, 1);
  t.regex(stderr, /^hawser: cannot reach an agent at unix:\/\/\/nonexistent\/hawser.sock: .+\n$/);
});

test("a refusal is exit status 3 with docker's message", async (t) => {
  const agent = await FakeAgent.start(t, { 'DELETE /networks/demo': 403 });
  const { status, stderr } = await agent.run('network', 'rm', 'demo');
  t.is(status, 3);
  t.is(stderr, 'hawser: no such thing\n');
});

test('every verb explains itself', async (t) => {
  const verbs = [
    'agent',
    'lab up',
    'lab exec',
    'status',
    'swarm init',
    'swarm join',
    'node update',
    'network create',
    'service create',
    'service update',
    'service logs',
    'image import',
    'image load',
    'ps',
    'exec',
    'logs',
  ];
  for (const verb of verbs) {
    const { status, stdout, stderr } = await runProgram([...verb.split(' '), '--help']);
    t.is(status, 0, verb);
    t.is(stderr, '');
    t.true(stdout.startsWith(`Usage: hawser ${verb}`), verb);
    t.false(stdout.includes('[]'), `${verb}: an empty default says nothing`);
  }
});

test('without a verb, help is shown and the status is 2', async (t) => {
  const { status, stderr } = await runProgram([]);
  t.is(status, 2);
  t.true(stderr.startsWith('Usage: hawser'));
});

test('--version prints the version of the package', async (t) => {
  const { status, stdout } = await runProgram(['--version']);
  t.is(status, 0);
  t.regex(stdout, /^\d+\.\d+\.\d+\n$/);
});
