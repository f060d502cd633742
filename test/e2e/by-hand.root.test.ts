/**
 * Stories 1 and 2 once more with nothing but curl on the socket: no docker CLI has a hand in it.
 */
import test, { type ExecutionContext } from 'ava';
import {
  ask,
  eventually,
  hostsOf,
  IMAGE,
  labDown,
  labNode,
  run,
  startLab,
  whenRunning,
} from './lab-fixture.ts';

test.before(() => startLab(2));
test.after.always(() => labDown());

const NODES = [1, 2];

async function curl(
  t: ExecutionContext,
  node: number,
  { method, path, body }: { method: string; path: string; body?: unknown },
): Promise<unknown> {
  const json = ['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)];
  const ran = await run([
    ...['curl', '--silent', '--show-error', '--fail-with-body'],
    ...['--unix-socket', labNode(node).socketPath, '-X', method],
    ...(body === undefined ? [] : json),
    `http://hawser${path}`,
  ]);
  t.is(ran.status, 0, `${method} ${path}: ${ran.stdout} ${ran.stderr}`);
  return ran.stdout === '' ? undefined : JSON.parse(ran.stdout);
}

test.serial('ping and version answer on every node', async (t) => {
  for (const node of NODES) {
    const ran = await run([
      ...['curl', '-s', '--unix-socket', labNode(node).socketPath],
      'http://hawser/_ping',
    ]);
    t.is(ran.stdout, 'OK');
    const version = (await curl(t, node, { method: 'GET', path: '/v1.24/version' })) as object;
    t.like(version, { ApiVersion: '1.51', MinAPIVersion: '1.24' });
  }
});

test.serial('network and service by hand, answered on every node, found by name', async (t) => {
  const network = (await curl(t, 1, {
    method: 'POST',
    path: '/v1.40/networks/create',
    body: { Name: 'demo', Driver: 'overlay' },
  })) as { Id: string };
  const spec = (Name: string, Args: readonly string[]): object => ({
    Name,
    TaskTemplate: {
      ContainerSpec: { Image: IMAGE, Args, StopGracePeriod: 1e9 },
      Networks: [{ Target: network.Id }],
    },
    Mode: { Replicated: { Replicas: 1 } },
  });
  const ports = [{ Protocol: 'tcp', TargetPort: 8000, PublishedPort: 8000 }];
  await curl(t, 1, {
    method: 'POST',
    path: '/v1.40/services/create',
    body: { ...spec('whoami', []), EndpointSpec: { Ports: ports } },
  });
  await curl(t, 1, {
    method: 'POST',
    path: '/v1.40/services/create',
    body: spec('client', ['sleep', '86400']),
  });
  await whenRunning(t, 'whoami', 1);
  const [client] = await whenRunning(t, 'client', 1);
  t.truthy(client);
  for (const node of NODES) {
    await eventually(t, `port 8000 of node ${node}`, {
      look: () => ask(node, '127.0.0.1:8000', 2),
      holds: (answers) => hostsOf(answers).length === 1 && !answers.includes(''),
    });
  }
});

test.serial(
  'scaled by an update under the version that was read; a stale version is refused',
  async (t) => {
    const service = (await curl(t, 1, { method: 'GET', path: '/v1.40/services/whoami' })) as {
      ID: string;
      Version: { Index: number };
      Spec: object;
    };
    const path = `/v1.40/services/${service.ID}/update?version=${service.Version.Index}`;
    const body = { ...service.Spec, Mode: { Replicated: { Replicas: 2 } } };
    await curl(t, 1, { method: 'POST', path, body });
    const stale = await run([
      ...['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}'],
      ...['--unix-socket', labNode(1).socketPath, '-X', 'POST', '-d', JSON.stringify(body)],
      ...['-H', 'Content-Type: application/json', `http://hawser${path}`],
    ]);
    t.not(stale.stdout, '200');
    await whenRunning(t, 'whoami', 2);
    for (const node of NODES) {
      await eventually(t, `two hosts behind node ${node}`, {
        look: () => ask(node, '127.0.0.1:8000', 12),
        holds: (answers) => hostsOf(answers).length === 2 && !answers.includes(''),
      });
    }
  },
);

test.serial('removed by hand, nothing answers any more', async (t) => {
  for (const name of ['whoami', 'client']) {
    await curl(t, 1, { method: 'DELETE', path: `/v1.40/services/${name}` });
  }
  for (const node of NODES) {
    await eventually(t, `port 8000 of node ${node} to close`, {
      look: () => ask(node, '127.0.0.1:8000', 1),
      holds: (answers) => answers[0] === '',
    });
  }
});
