/** The lab itself: what it refuses, and that `down` leaves nothing, whatever state it finds. */
import test from 'ava';
import { LabError, labExec, labStatus, labStop, labUp } from '../../src/lab/index.ts';
import { createUnderlay } from '../../src/lab/underlay.ts';
import { leftSince, snapshotLeftovers } from '../run/leaks.ts';
import {
  IMAGE,
  inLab,
  labDown,
  labNode,
  QUICK,
  startLab,
  verb,
  whenRunning,
} from './lab-fixture.ts';

test.after.always(() => labDown());

const OPTIONS = { nodes: 2, managers: 1, runtime: 'oci', lb: 'auto' };

test.serial('without a lab, its commands say so, and down is content', async (t) => {
  await labDown();
  const error = await t.throwsAsync(labStatus(), { instanceOf: LabError });
  t.is(error.detail.code, 'no-lab');
});

test.serial('down removes an up that was killed half way', async (t) => {
  const before = snapshotLeftovers();
  await createUnderlay(3);
  t.not(leftSince(before).length, 0);
  await labDown();
  const left = leftSince(before).filter((thing) => /hawser-lab|\/hawser$/.test(thing));
  t.deepEqual(left, []);
});

test.serial('one lab at a time; nodes are reached and counted', async (t) => {
  await startLab(2);
  const error = await t.throwsAsync(labUp(OPTIONS), { instanceOf: LabError });
  t.is(error.detail.code, 'lab-exists');
  t.deepEqual(
    (await labStatus()).map(({ number, state }) => [number, state]),
    [
      [1, 'ready'],
      [2, 'ready'],
    ],
  );
  t.is(await labExec('2', ['true']), 0);
  t.is(await labExec('client', ['false']), 1);
  await t.throwsAsync(labExec('3', ['true']), { instanceOf: LabError });
});

test.serial('nodes and the client are on one network, and metrics are served there', async (t) => {
  for (const address of [labNode(1).address, labNode(2).address6]) {
    t.is((await inLab('client', 'ping', '-c', '1', '-W', '2', address)).status, 0, address);
  }
  const metrics = await inLab(
    'client',
    'curl',
    '-s',
    `http://${labNode(2).metricsAddress}/metrics`,
  );
  t.regex(metrics.stdout, /^hawser_build_info\{/m);
});

test.serial(
  'down leaves nothing even when every agent was killed with tasks running',
  async (t) => {
    const publish = ['-p', '8000:8000', '--replicas', '2'];
    await verb(t, 1, 'service', 'create', ...QUICK, '-d', '--name', 'whoami', ...publish, IMAGE);
    await whenRunning(t, 'whoami', 2);
    await labStop('1', 'SIGKILL');
    await labStop('2', 'SIGKILL');
    await labDown();
    const left = [...snapshotLeftovers()].filter((thing) => /hawser-lab|\/hawser$/.test(thing));
    t.deepEqual(left, []);
    await t.notThrowsAsync(labDown(), 'and again');
  },
);
