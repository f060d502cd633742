import test from 'ava';
import { isClusterError, type AttachRequest } from '../../../src/cluster/index.ts';
import type { TaskId } from '../../../src/model/index.ts';
import { createLab, createService, managerOf, overlay, service, until } from '../fixture.ts';

function request(change: Partial<AttachRequest> = {}): AttachRequest {
  const id = 'attachment000000000000001' as TaskId;
  return { id, network: 'open', name: 'alpha', aliases: ['alpha'], containerId: '', ...change };
}

test('a worker is given a place by name, is told of it, and gives it back', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager();
  const worker = await lab.worker(member);
  const spec = { ...overlay('open'), Attachable: true };
  const networkId = 'network000000000000000001' as never;
  await manager.propose({ type: 'network.create', atMs: 1, id: networkId, spec });
  const grant = await worker.attach(request());
  t.is(grant.networkId, networkId);
  await until('the row to come', () => worker.view?.assignments.size === 1);
  const [row] = worker.view?.assignments.values() ?? [];
  t.is(row?.task.attachments[0]?.address, grant.address);
  const second = 'attachment000000000000002' as TaskId;
  for (const one of [worker, member]) {
    const refused = await t.throwsAsync(one.attach(request({ id: second })));
    t.true(isClusterError(refused, 'refused'));
    t.like(refused, { detail: { reason: 'name-taken' } });
  }
  const missing = await t.throwsAsync(worker.attach(request({ id: second, network: 'nowhere' })));
  t.like(missing, { detail: { code: 'refused', reason: 'not-found' } });
  const malformed = await t.throwsAsync(worker.attach(request({ id: second, name: 'a/b' })));
  t.like(malformed, { detail: { reason: 'protocol' } });
  const status = { state: 'shutdown', message: 'shutdown', atMs: 2 } as const;
  worker.report([{ id: request().id, status }]);
  await until('the place to be free', () => manager.store.tasks.size === 0);
});

test('a service may be asked for by name, and has to be there', async (t) => {
  const lab = createLab(t);
  const { member } = await lab.manager();
  const manager = managerOf(member);
  const networkId = 'network000000000000000001' as never;
  const spec = { ...overlay('open'), Attachable: true };
  await manager.propose({ type: 'network.create', atMs: 1, id: networkId, spec });
  await createService(manager, 'web', service('web', 1));
  const elsewhere = await t.throwsAsync(member.attach(request({ service: 'web' })));
  t.like(elsewhere, { detail: { reason: 'invalid' } });
  const nobody = await t.throwsAsync(member.attach(request({ service: 'nobody' })));
  t.like(nobody, { detail: { reason: 'not-found' } });
});
