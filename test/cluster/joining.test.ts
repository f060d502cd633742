import test from 'ava';
import { isClusterError, type ClusterErrorDetail } from '../../src/cluster/index.ts';
import type { NodeId } from '../../src/model/index.ts';
import { INIT, createLab, joinRequest, managerOf, until } from './fixture.ts';

type Code = ClusterErrorDetail['code'];

test('tokens that do not fit are refused with a code, and nobody is let in', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager();
  const { worker } = manager.joinTokens();
  const digest = worker.slice(9, 59);
  const secret = worker.slice(60);
  const otherDigest = digest.startsWith('0') ? `1${digest.slice(1)}` : `0${digest.slice(1)}`;
  const otherSecret = secret.endsWith('0') ? `${secret.slice(0, -1)}1` : `${secret.slice(0, -1)}0`;
  const cases: readonly { name: string; token: string; code: Code }[] = [
    { name: 'empty', token: '', code: 'invalid-token' },
    { name: 'another version', token: worker.replace('-1-', '-2-'), code: 'invalid-token' },
    { name: 'cut short', token: worker.slice(0, -1), code: 'invalid-token' },
    {
      name: 'digest of another cluster',
      token: `SWMTKN-1-${otherDigest}-${secret}`,
      code: 'ca-mismatch',
    },
    { name: 'wrong secret', token: `SWMTKN-1-${digest}-${otherSecret}`, code: 'invalid-token' },
  ];
  const joiner = await lab.member();
  for (const { name, token, code } of cases) {
    const error = await t.throwsAsync(joiner.join(joinRequest(member, token)), undefined, name);
    t.true(isClusterError(error, code), `${name}: ${String(error)}`);
    t.is(joiner.status().state, 'inactive');
  }
  t.is(manager.store.nodes.size, 1);
});

test('a rotated secret makes the old token void and the new one good', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager();
  const old = manager.joinTokens().worker;
  const { cluster } = manager.store;
  if (cluster === undefined) return t.fail();
  const update = await manager.planUpdate({
    version: cluster.meta.revision,
    spec: cluster.spec,
    rotate: { workerToken: true, managerToken: false, unlockKey: false },
  });
  const outcome = await manager.propose({ ...update, atMs: Date.now() });
  t.true(outcome.ok);
  const joiner = await lab.member();
  t.true(
    isClusterError(await t.throwsAsync(joiner.join(joinRequest(member, old))), 'invalid-token'),
  );
  await joiner.join(joinRequest(member));
  t.is(joiner.status().state, 'active');
});

test('guessing secrets closes the desk for a while, also for the right one', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager();
  const { worker } = manager.joinTokens();
  const joiner = await lab.member();
  const codes: (Code | undefined)[] = [];
  for (let attempt = 0; attempt < 22; attempt += 1) {
    const guess = `${worker.slice(0, 60)}${String(attempt).padStart(25, 'x')}`;
    const error = await t.throwsAsync(joiner.join(joinRequest(member, guess)));
    codes.push(isClusterError(error, 'invalid-token') ? 'invalid-token' : 'too-many-attempts');
  }
  t.is(codes.filter((code) => code === 'invalid-token').length, 20);
  const error = await t.throwsAsync(joiner.join(joinRequest(member)));
  t.true(isClusterError(error, 'too-many-attempts'));
});

test('addresses that cannot be used are refused before anything is made', async (t) => {
  const lab = createLab(t);
  const member = await lab.member();
  const cases: readonly { request: Partial<typeof INIT>; code: Code }[] = [
    { request: { advertiseAddress: '0.0.0.0' }, code: 'invalid-address' },
    { request: { advertiseAddress: 'not an address' }, code: 'invalid-address' },
    { request: { advertiseAddress: '127.0.0.1:65536' }, code: 'invalid-address' },
    { request: { dataPathAddress: 'eth0' }, code: 'invalid-address' },
    { request: { listenAddress: '192.0.2.1:2377' }, code: 'listen-failed' },
    { request: { addressPools: ['10.0.0.0/99'] }, code: 'invalid-request' },
  ];
  for (const { request, code } of cases) {
    const error = await t.throwsAsync(member.init({ ...INIT, ...request }));
    t.true(isClusterError(error, code), `${JSON.stringify(request)}: ${String(error)}`);
    t.deepEqual(member.status(), { state: 'inactive', managers: [] });
  }
  await member.init(INIT);
  t.is(managerOf(member).store.nodes.size, 1);
});

test('a manager that cannot be reached is said so, and the next address is tried', async (t) => {
  const lab = createLab(t);
  const { member } = await lab.manager();
  const joiner = await lab.member();
  const request = joinRequest(member);
  const nowhere = '127.0.0.1:1';
  const error = await t.throwsAsync(joiner.join({ ...request, remoteAddresses: [nowhere] }));
  t.true(isClusterError(error, 'unreachable'));
  await joiner.join({ ...request, remoteAddresses: [nowhere, ...request.remoteAddresses] });
  t.is(joiner.status().state, 'active');
});

test('availability and the data path address of a joining node are kept', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager();
  const joiner = await lab.member();
  const request = {
    ...joinRequest(member),
    dataPathAddress: '192.0.2.7',
    availability: 'drain',
  } as const;
  const id = await joiner.join(request);
  const node = manager.store.nodes.get(id);
  t.is(node?.spec.Availability, 'drain');
  t.is(node?.vtep, '192.0.2.7');
  t.is(node?.address, '127.0.0.1');
});

test('the last manager leaves only by force, and then nothing is left of the cluster', async (t) => {
  const lab = createLab(t);
  const { member } = await lab.manager();
  const error = await t.throwsAsync(member.leave(false));
  t.true(isClusterError(error, 'last-manager'));
  t.regex(
    error.message,
    /^You are attempting to leave the swarm on a node that is participating as a manager\. /,
  );
  const before = member.status().nodeId;
  await member.leave(true);
  t.is(member.status().state, 'inactive');
  t.is(member.manager, undefined);
  t.true(isClusterError(await t.throwsAsync(member.leave(true)), 'not-member'));
  await member.init(INIT);
  t.not(member.status().nodeId, before);
});

test('a removed node is refused, and says what to do', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager();
  const worker = await lab.worker(member);
  const id = worker.status().nodeId as NodeId;
  await manager.propose({ type: 'node.remove', atMs: Date.now(), id, isForced: true });
  await until('the refusal', () => worker.status().state === 'error');
  t.regex(worker.status().error ?? '', /was removed from this cluster; run "docker swarm leave"/);
  t.false(manager.store.nodes.has(id));
  await worker.leave(false);
  await worker.join(joinRequest(member));
  t.is(worker.status().state, 'active');
});
