import test from 'ava';
import { statusOf } from '../../../src/api/http/errors.ts';
import { ClusterError } from '../../../src/cluster/index.ts';
import { Fixture } from '../fixture.ts';

interface Info {
  readonly Swarm: {
    readonly LocalNodeState: string;
    readonly ControlAvailable: boolean;
    readonly Nodes?: number;
    readonly RemoteManagers: readonly { readonly NodeID: string; readonly Addr: string }[];
  };
}

interface SwarmDocument {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly JoinTokens: { readonly Worker: string; readonly Manager: string };
  readonly Spec: { readonly Orchestration: { readonly TaskHistoryRetentionLimit: number } };
  readonly TLSInfo: { readonly TrustRoot: string; readonly CertIssuerSubject: string };
}

test('init answers with the node id, and fills in what a request leaves open', async (t) => {
  const fixture = await Fixture.start(t);
  const answer = await fixture.ask('POST', '/v1.41/swarm/init', { ListenAddr: '0.0.0.0:2377' });
  t.is(answer.status, 200);
  t.is(answer.document, fixture.member.status().nodeId);
  const [request] = fixture.member.inits;
  t.is(request?.advertiseAddress, '198.18.0.1');
  t.is(request?.listenAddress, '0.0.0.0:2377');
  t.is(request?.availability, 'active');
  t.is(request?.spec.Orchestration.TaskHistoryRetentionLimit, 5);
});

const INITS = [
  { name: 'a pool that is no list', body: { DefaultAddrPool: '10.0.0.0/8' }, status: 400 },
  { name: 'a subnet size that is no number', body: { SubnetSize: '24' }, status: 400 },
  { name: 'an unknown availability', body: { Availability: 'sometimes' }, status: 400 },
  { name: 'an address that is no text', body: { AdvertiseAddr: 7 }, status: 400 },
  { name: 'a broken spec', body: { Spec: { Labels: [1] } }, status: 400 },
];

for (const { name, body, status } of INITS) {
  test(`init with ${name} is refused`, async (t) => {
    const fixture = await Fixture.start(t);
    t.is((await fixture.ask('POST', '/swarm/init', body)).status, status);
    t.deepEqual(fixture.member.inits, []);
  });
}

test('init asks for an address where there is none to choose', async (t) => {
  const fixture = await Fixture.start(t, {
    addresses: {
      listenAddress: '0.0.0.0:2377',
      advertiseAddress: () => undefined,
      parse: (_field, text) => ({ ip: text }),
    },
  });
  const answer = await fixture.ask('POST', '/swarm/init', {});
  t.is(answer.status, 400);
  t.regex(answer.text, /specify one with --advertise-addr/);
});

test('a node is in one cluster at a time', async (t) => {
  const fixture = await Fixture.startManager(t);
  const body = { RemoteAddrs: ['198.18.0.9:2377'], JoinToken: 'SWMTKN-1-a-b' };
  t.is((await fixture.ask('POST', '/swarm/init', {})).status, 503);
  t.is((await fixture.ask('POST', '/swarm/join', body)).status, 503);
  t.deepEqual(fixture.member.joins, []);
});

test('join hands over addresses and token', async (t) => {
  const fixture = await Fixture.start(t);
  const answer = await fixture.ask('POST', '/swarm/join', {
    RemoteAddrs: ['198.18.0.9:2377', '198.18.0.8', 'fd00::1', 'manager'],
    JoinToken: 'SWMTKN-1-a-b',
    AdvertiseAddr: '198.18.0.2',
    DataPathAddr: '198.18.0.3',
  });
  t.is(answer.status, 200);
  t.like(fixture.member.joins[0], {
    remoteAddresses: ['198.18.0.9:2377', '198.18.0.8:2377', '[fd00::1]:2377', 'manager:2377'],
    token: 'SWMTKN-1-a-b',
    advertiseAddress: '198.18.0.2',
    dataPathAddress: '198.18.0.3',
  });
});

const JOINS = [
  { name: 'without a manager', body: { RemoteAddrs: [], JoinToken: 'SWMTKN-1-a-b' } },
  { name: 'without a token', body: { RemoteAddrs: ['198.18.0.9'] } },
  { name: 'with a bad token', body: { RemoteAddrs: ['198.18.0.9'], JoinToken: 'nonsense' } },
];

for (const { name, body } of JOINS) {
  test(`join ${name} is refused`, async (t) => {
    const fixture = await Fixture.start(t);
    t.is((await fixture.ask('POST', '/swarm/join', body)).status, 400);
    t.is(fixture.member.status().state, 'inactive');
  });
}

test('the cluster shows its tokens, settings and CA', async (t) => {
  const fixture = await Fixture.startManager(t);
  const { document } = await fixture.ask('GET', '/swarm');
  const swarm = document as SwarmDocument;
  t.regex(swarm.JoinTokens.Worker, /^SWMTKN-1-/);
  t.regex(swarm.TLSInfo.TrustRoot, /BEGIN CERTIFICATE/);
  t.true(Buffer.from(swarm.TLSInfo.CertIssuerSubject, 'base64').includes('swarm-ca'));
  t.false(JSON.stringify(document).includes('caKeyPem'));
});

test('update changes the spec, and rotates one token when asked', async (t) => {
  const fixture = await Fixture.startManager(t);
  const before = (await fixture.ask('GET', '/swarm')).document as SwarmDocument;
  const answer = await fixture.ask(
    'POST',
    `/swarm/update?version=${before.Version.Index}&rotateWorkerToken=true`,
    { ...before.Spec, Orchestration: { TaskHistoryRetentionLimit: 9 } },
  );
  t.is(answer.status, 200, answer.text);
  const after = (await fixture.ask('GET', '/swarm')).document as SwarmDocument;
  t.is(after.Spec.Orchestration.TaskHistoryRetentionLimit, 9);
  t.not(after.JoinTokens.Worker, before.JoinTokens.Worker);
  t.is(after.JoinTokens.Manager, before.JoinTokens.Manager);
});

test('an update of an older version is out of sequence', async (t) => {
  const fixture = await Fixture.startManager(t);
  const answer = await fixture.ask('POST', '/swarm/update?version=999', {});
  t.is(answer.status, 500);
  t.regex(answer.text, /update out of sequence/);
  t.is((await fixture.ask('POST', '/swarm/update', {})).status, 400);
});

test('a manager leaves only by force', async (t) => {
  const fixture = await Fixture.startManager(t);
  const refused = await fixture.ask('POST', '/swarm/leave');
  t.is(refused.status, 503);
  t.regex(refused.text, /Use `--force`/);
  t.is((await fixture.ask('POST', '/swarm/leave?force=1')).status, 200);
  t.is((await fixture.ask('POST', '/swarm/leave')).status, 503);
});

const LEAVES = [
  { managers: 1, away: 0, says: /Removing the last manager erases all current state of the swarm/ },
  { managers: 2, away: 0, says: /leaves 1 managers out of 2\. Without a Raft quorum/ },
  { managers: 3, away: 1, says: /leaves 1 managers out of 3\. Without a Raft quorum/ },
  { managers: 5, away: 0, says: /as a manager\. The only way to restore a swarm that has lost/ },
];

for (const { managers, away, says } of LEAVES) {
  test(`leaving as one of ${managers} managers, ${away} away, needs force`, async (t) => {
    const fixture = await Fixture.startManager(t);
    const { member } = fixture;
    const ids = Array.from({ length: managers - 1 }, (_, at) => member.addManager(at + 10));
    for (const id of ids.slice(0, away)) member.unreachable.add(id);
    const refused = await fixture.ask('POST', '/swarm/leave');
    t.is(refused.status, 503);
    t.regex(refused.text, says);
    t.is((await fixture.ask('POST', '/swarm/leave?force=1')).status, 200);
  });
}

test('force-new-cluster is for managers; elsewhere it is an init like any other', async (t) => {
  const alone = await Fixture.start(t);
  t.is((await alone.ask('POST', '/swarm/init', { ForceNewCluster: true })).status, 200);
  t.is(alone.member.inits[0]?.isForcedNew, undefined);
  const again = await alone.ask('POST', '/swarm/init', { ForceNewCluster: true });
  t.is(again.status, 200);
  t.is(again.document, alone.member.status().nodeId);
  t.like(alone.member.inits[1], { isForcedNew: true, advertiseAddress: '198.18.0.1:2377' });
  const worker = await Fixture.start(t);
  const body = { RemoteAddrs: ['198.18.0.9:2377'], JoinToken: 'SWMTKN-1-a-b' };
  await worker.ask('POST', '/swarm/join', body);
  t.is((await worker.ask('POST', '/swarm/init', { ForceNewCluster: true })).status, 503);
  t.deepEqual(worker.member.inits, []);
});

test('without a leader this node still forces a new cluster, and leaves', async (t) => {
  const fixture = await Fixture.startManager(t);
  fixture.member.hasLeader = false;
  fixture.member.unavailable = new ClusterError({ code: 'no-leader' }, 'no leader');
  t.is((await fixture.ask('POST', '/swarm/init', { ForceNewCluster: true })).status, 200);
  t.is((await fixture.ask('POST', '/swarm/leave?force=1')).status, 200);
});

const MANAGERS_ONLY = [
  ['GET', '/swarm'],
  ['GET', '/swarm/unlockkey'],
  ['GET', '/nodes'],
  ['GET', '/nodes/x'],
  ['GET', '/services'],
  ['POST', '/services/create'],
  ['GET', '/services/x'],
  ['DELETE', '/services/x'],
  ['GET', '/tasks'],
  ['POST', '/networks/create'],
] as const;

for (const [method, path] of MANAGERS_ONLY) {
  test(`${method} ${path} is refused by a worker, and without a cluster`, async (t) => {
    const fixture = await Fixture.start(t);
    const body = method === 'POST' ? { Name: 'x', Driver: 'overlay' } : undefined;
    const alone = await fixture.ask(method, path, body);
    t.is(alone.status, 503);
    t.regex(alone.text, /Use \\"docker swarm init\\" or \\"docker swarm join\\"/);
    await fixture.ask('POST', '/swarm/join', { RemoteAddrs: ['a'], JoinToken: 'SWMTKN-1-a-b' });
    const worker = await fixture.ask(method, path, body);
    t.is(worker.status, 503);
    t.regex(worker.text, /Worker nodes can't be used to view or modify cluster state/);
  });
}

test('info shows the part of this node', async (t) => {
  const fixture = await Fixture.start(t);
  const alone = (await fixture.ask('GET', '/info')).document as Info;
  t.is(alone.Swarm.LocalNodeState, 'inactive');
  await fixture.ask('POST', '/swarm/init', {});
  const manager = (await fixture.ask('GET', '/info')).document as Info;
  t.like(manager.Swarm, { LocalNodeState: 'active', ControlAvailable: true, Nodes: 1 });
});

test('info counts managers and nodes, and names the managers', async (t) => {
  const fixture = await Fixture.startManager(t);
  const id = fixture.member.addManager(4);
  const { Swarm } = (await fixture.ask('GET', '/info')).document as Info;
  t.like(Swarm, { Nodes: 4, Managers: 2, Error: '' });
  const own = { NodeID: fixture.member.status().nodeId ?? '', Addr: '198.18.0.1:2377' };
  t.deepEqual(Swarm.RemoteManagers, [own, { NodeID: id, Addr: '198.18.0.4:2377' }]);
});

test('a ping tells the part of this node', async (t) => {
  const fixture = await Fixture.start(t);
  t.is((await fixture.ask('HEAD', '/_ping')).headers['swarm'], 'inactive');
  await fixture.ask('POST', '/swarm/init', {});
  const answer = await fixture.ask('GET', '/_ping');
  t.is(answer.headers['swarm'], 'active/manager');
  t.is(answer.text, 'OK');
});

test('errors of the cluster have statuses of their own', (t) => {
  type Code = 'invalid-token' | 'unreachable' | 'disk-failed' | 'disk-full' | 'no-leader';
  const status = (code: Code): number =>
    statusOf(new ClusterError({ code, address: 'a', file: 'f' }, 'x'));
  t.is(status('invalid-token'), 400);
  t.is(status('unreachable'), 503);
  t.is(status('disk-failed'), 500);
  t.is(status('disk-full'), 503);
  t.is(status('no-leader'), 500);
  t.is(statusOf(new Error('x')), 500);
});
