import test from 'ava';
import { logDetails, logOptions, parseTime } from '../../../src/api/containers/log-stream.ts';
import { ApiError } from '../../../src/api/http/errors.ts';
import { Fixture } from '../fixture.ts';

async function startService(fixture: Fixture): Promise<void> {
  await fixture.ask('POST', '/services/create', {
    Name: 'web',
    TaskTemplate: { ContainerSpec: { Image: 'busybox' } },
  });
  fixture.member.logLines = [
    { stream: 'stdout', time: '2026-01-01T00:00:00Z', line: Buffer.from('hello\n') },
  ];
}

test('lines of tasks carry who wrote them', async (t) => {
  const fixture = await Fixture.startManager(t);
  await startService(fixture);
  const [task] = [...fixture.member.store.tasks.values()];
  const { text } = await fixture.ask('GET', '/services/web/logs?stdout=1&details=1');
  t.is(
    text.slice(8),
    `com.docker.swarm.node.id=${task?.nodeId ?? ''},` +
      `com.docker.swarm.service.id=${task?.serviceId ?? ''},` +
      `com.docker.swarm.task.id=${task?.id ?? ''} hello\n`,
  );
  const raw = await fixture.ask('GET', `/tasks/${task?.id ?? ''}/logs?stdout=1`);
  t.is(raw.text.slice(8), 'hello\n');
});

test('logs of what does not exist are refused', async (t) => {
  const fixture = await Fixture.startManager(t);
  t.is((await fixture.ask('GET', '/services/nosuch/logs?stdout=1')).status, 404);
  t.is((await fixture.ask('GET', '/tasks/nosuch/logs?stdout=1')).status, 404);
});

test('details are sorted and escaped', (t) => {
  t.is(logDetails({ b: 'x=y', a: '1, 2' }), 'a=1%2C%202,b=x%3Dy');
});

const NOW_MS = 1_000_000;
const TIMES = [
  [null, undefined],
  ['0', undefined],
  ['1.5', 1500],
  ['1970-01-01T00:00:02Z', 2000],
  ['1m30s', NOW_MS - 90_000],
  ['1h', NOW_MS - 3_600_000],
] as const;

for (const [text, ms] of TIMES) {
  test(`the time ${String(text)} is ${String(ms)}`, (t) => {
    t.is(parseTime(text, NOW_MS), ms);
  });
}

test('a time that is none is refused', (t) => {
  t.throws(() => parseTime('yesterday', NOW_MS), { instanceOf: ApiError });
});

test('options of a logs request are read', (t) => {
  const query = new URLSearchParams('stdout=1&follow=true&tail=20&timestamps=0');
  t.deepEqual(logOptions(query, NOW_MS), {
    wantStdout: true,
    wantStderr: false,
    isFollowing: true,
    hasTimestamps: false,
    tailLines: 20,
  });
  t.is(logOptions(new URLSearchParams('stderr=1&tail=all'), NOW_MS).tailLines, undefined);
});
