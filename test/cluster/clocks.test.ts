/** Nodes whose clocks differ, and nodes that were away for longer than their certificates live. */
import { join } from 'node:path';
import test from 'ava';
import { SYSTEM_CLOCK, type Clock } from '../../src/base/index.ts';
import { isClusterError } from '../../src/cluster/index.ts';
import {
  isLocked,
  issueCertificate,
  createNodeKey,
  loadMembership,
  saveMembership,
  type Membership,
} from '../../src/cluster/identity/index.ts';
import { dialManager } from '../../src/cluster/worker/index.ts';
import { createLab, joinRequest, until } from './fixture.ts';

const HOUR_MS = 3_600_000;

/** A clock that is ahead of the machine's, by which TLS goes. */
const ahead = (hours: number): Clock => ({
  ...SYSTEM_CLOCK,
  wallMs: () => Date.now() + hours * HOUR_MS,
});

async function read(directory: string): Promise<Membership> {
  const found = await loadMembership(directory);
  if (found === undefined || isLocked(found)) throw new Error('no membership');
  return found;
}

test('a node whose clock is hours behind the manager’s is told so when it joins', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager({ clock: ahead(5) });
  const error = await t.throwsAsync((await lab.member()).join(joinRequest(member)));
  if (!isClusterError(error, 'clock-skew')) return t.fail(String(error));
  t.like(error.detail, { code: 'clock-skew' });
  const { skewMs } = error.detail as { skewMs: number };
  t.true(Math.abs(skewMs + 5 * HOUR_MS) < 60_000, String(skewMs));
  t.regex(error.message, /the clock of this node is 5 h behind the manager's \(here \d{4}-/);
  t.is(manager.store.nodes.size, 1);
});

test('a node whose clock is months ahead of the manager’s is told so when it joins', async (t) => {
  const lab = createLab(t);
  const days = 200;
  const { member } = await lab.manager({ clock: ahead(-days * 24) });
  const error = await t.throwsAsync((await lab.member()).join(joinRequest(member)));
  if (!isClusterError(error, 'clock-skew')) return t.fail(String(error));
  t.regex(error.message, /200 days ahead of the manager's/);
});

test('clocks that differ by less than an hour are no matter', async (t) => {
  const lab = createLab(t);
  for (const hours of [0.8, -0.8]) {
    const { member } = await lab.manager({ clock: ahead(hours) });
    const worker = await lab.worker(member);
    t.is(worker.status().state, 'active');
  }
});

test('a node whose clock went wrong while it was away says so until it is set', async (t) => {
  const lab = createLab(t);
  const { member } = await lab.manager();
  const dataDirectory = await lab.directory();
  await (await lab.worker(member, { dataDirectory })).close();
  const directory = join(dataDirectory, 'cluster');
  const membership = await read(directory);
  const { cluster } = member.manager?.store ?? {};
  if (cluster === undefined) return t.fail();
  const { keyPem, requestPem } = await createNodeKey();
  // As the manager sees a certificate that is not yet valid by its clock.
  const certificatePem = await issueCertificate(
    { certificatePem: cluster.caCertificatePem, keyPem: cluster.caKeyPem },
    { subject: membership, requestPem, nowMs: Date.now() + 3 * HOUR_MS, validityMs: HOUR_MS },
  );
  const early = { ...membership, keyPem, certificatePem };
  const options = { clock: ahead(3) };
  const skewed = await t.throwsAsync(dialManager(membership.managers, early, options));
  t.true(isClusterError(skewed, 'clock-skew'), String(skewed));
  // Where the clocks agree, it is not the clocks.
  const other = await t.throwsAsync(dialManager(membership.managers, early));
  t.true(isClusterError(other, 'certificate-expired'), String(other));
});

test('a node that was away for longer than its certificate was valid is refused, and says what to do', async (t) => {
  const lab = createLab(t);
  const { member, manager } = await lab.manager();
  const dataDirectory = await lab.directory();
  await (await lab.worker(member, { dataDirectory })).close();
  const directory = join(dataDirectory, 'cluster');
  const membership = await read(directory);
  const { cluster } = manager.store;
  if (cluster === undefined) return t.fail();
  const { keyPem, requestPem } = await createNodeKey();
  const certificatePem = await issueCertificate(
    { certificatePem: cluster.caCertificatePem, keyPem: cluster.caKeyPem },
    { subject: membership, requestPem, nowMs: Date.now() - 3 * HOUR_MS, validityMs: HOUR_MS },
  );
  await saveMembership(directory, { ...membership, keyPem, certificatePem });
  const back = await lab.member({ dataDirectory });
  await until('the refusal', () => back.status().state === 'error');
  t.regex(back.status().error ?? '', /certificate is not valid at this time[^]*swarm leave/);
  await back.leave(false);
  await back.join(joinRequest(member));
  t.is(back.status().state, 'active');
});
