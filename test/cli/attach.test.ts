import { resolve } from 'node:path';
import test from 'ava';
import { FakeAgent } from './fake-agent.ts';

const ALPHA = {
  ID: 'attachment00000000000001a',
  Name: 'alpha',
  State: 'running',
  NetworkNamespace: '/run/netns/blue',
  Interface: 'hawser0',
  NetworkID: 'n1',
  Network: 'demo',
  IPAddress: '10.0.1.5',
};
const BETA = { ...ALPHA, ID: 'attachment00000000000002b', Name: 'beta', Network: 'other' };
const PATH = '/hawser/attachments';
const ASKED = ['attach', '--netns', '/run/netns/blue', '--network', 'demo'];

test('attach sends what was asked, and prints name, interface and address', async (t) => {
  const agent = await FakeAgent.start(t, { [`POST ${PATH}`]: ALPHA });
  const words = [...ASKED, '--name', 'alpha', '--ip', '10.0.1.5', '--service', 'web'];
  const { status, stdout } = await agent.run(...words);
  t.is(status, 0);
  t.is(stdout, 'alpha hawser0 10.0.1.5\n');
  t.deepEqual(agent.bodyOf(`POST ${PATH}`), {
    NetworkNamespace: '/run/netns/blue',
    Network: 'demo',
    Name: 'alpha',
    IPAddress: '10.0.1.5',
    Service: 'web',
  });
  t.deepEqual(JSON.parse((await agent.run(...ASKED, '--json')).stdout), ALPHA);
});

test('a path is the one that the shell is in', async (t) => {
  const agent = await FakeAgent.start(t, { [`POST ${PATH}`]: ALPHA });
  await agent.run('attach', '--netns', 'blue', '--network', 'demo');
  t.like(agent.bodyOf(`POST ${PATH}`), { NetworkNamespace: resolve('blue') });
});

test('what the cluster refuses is exit status 3, what is left out 2', async (t) => {
  const agent = await FakeAgent.start(t, { [`POST ${PATH}`]: 403, [`GET ${PATH}`]: [ALPHA] });
  t.is((await agent.run(...ASKED)).status, 3);
  t.is((await agent.run('attach', '--network', 'demo')).status, 2);
  t.is((await agent.run('detach')).status, 2);
  t.is((await agent.run('detach', 'alpha', '--netns', '/run/netns/blue')).status, 2);
  t.is((await agent.run('detach', '--netns', '/run/netns/red')).status, 2);
  t.is((await agent.run('detach', 'nobody')).status, 3);
});

test('detach takes names, or all that is attached in a namespace', async (t) => {
  const agent = await FakeAgent.start(t, {
    [`GET ${PATH}`]: [ALPHA, BETA],
    [`DELETE ${PATH}/alpha`]: '',
    [`DELETE ${PATH}/${ALPHA.ID}`]: '',
    [`DELETE ${PATH}/${BETA.ID}`]: '',
  });
  t.is((await agent.run('detach', 'alpha')).stdout, 'alpha\n');
  const all = ['detach', '--netns', '/run/netns/blue'];
  t.is((await agent.run(...all)).stdout, `${ALPHA.ID}\n${BETA.ID}\n`);
  t.is((await agent.run(...all, '--network', 'other')).stdout, `${BETA.ID}\n`);
});

test('attachments are listed as a table, ids or JSON', async (t) => {
  const agent = await FakeAgent.start(t, { [`GET ${PATH}`]: [ALPHA] });
  const { stdout } = await agent.run('attachments');
  t.regex(stdout, /^ID +NAME +NETWORK +ADDRESS +INTERFACE +NAMESPACE +STATE\n/);
  t.regex(stdout, /alpha +demo +10\.0\.1\.5 +hawser0 +\/run\/netns\/blue +running/);
  t.is((await agent.run('attachments', '-q')).stdout, 'attachment00\n');
  t.deepEqual(JSON.parse((await agent.run('attachments', '--json')).stdout), [ALPHA]);
});
