import test from 'ava';
import { humanDuration } from '../../../src/api/containers/human-duration.ts';
import { Fixture, containerSpec } from '../fixture.ts';

const WEB = `aa${'1'.repeat(62)}`;
const OLD = `ab${'2'.repeat(62)}`;

/** A running container of a task, and one that ended. */
function putContainers(fixture: Fixture): void {
  const nowMs = Date.now();
  fixture.runtime.put({
    id: WEB,
    spec: containerSpec(WEB, { 'com.docker.swarm.task.id': 't1', tier: 'web' }),
    imageId: 'sha256:11',
    state: 'running',
    pid: process.pid,
    createdAtMs: nowMs - 60_000,
    startedAtMs: nowMs - 5_500,
  });
  fixture.runtime.put({
    id: OLD,
    spec: { ...containerSpec(OLD), name: 'old' },
    imageId: 'sha256:11',
    state: 'exited',
    exitCode: 3,
    createdAtMs: nowMs - 90_000,
    startedAtMs: nowMs - 80_000,
    finishedAtMs: nowMs - 7_200_000,
  });
}

async function start(t: Parameters<typeof Fixture.start>[0]): Promise<Fixture> {
  const fixture = await Fixture.start(t);
  putContainers(fixture);
  return fixture;
}

const DURATIONS = [
  [0, 'Less than a second'],
  [1_000, '1 second'],
  [59_999, '59 seconds'],
  [60_000, 'About a minute'],
  [120_000, '2 minutes'],
  [3_600_000, 'About an hour'],
  [7_200_000, '2 hours'],
  [47 * 3_600_000, '47 hours'],
  [3 * 86_400_000, '3 days'],
  [15 * 86_400_000, '2 weeks'],
  [90 * 86_400_000, '3 months'],
  [800 * 86_400_000, '2 years'],
] as const;

for (const [ms, text] of DURATIONS) {
  test(`${ms} ms are ${text}`, (t) => {
    t.is(humanDuration(ms), text);
  });
}

const LISTED = [
  { query: '', ids: [WEB] },
  { query: 'all=1', ids: [WEB, OLD] },
  { query: 'limit=1', ids: [WEB] },
  { filters: { status: ['exited'] }, ids: [OLD] },
  { filters: { exited: ['3'] }, ids: [OLD] },
  { filters: { exited: ['4'] }, ids: [] },
  { filters: { label: ['tier=web'] }, ids: [WEB] },
  { filters: { 'is-task': ['true'] }, ids: [WEB] },
  { filters: { name: ['^/whoami.1'] }, ids: [WEB] },
  { filters: { ancestor: ['busybox'] }, ids: [WEB] },
  { filters: { before: ['aa'], status: ['exited'] }, ids: [OLD] },
] as const;

for (const each of LISTED) {
  const filters = 'filters' in each ? `filters=${JSON.stringify(each.filters)}` : each.query;
  test(`containers are listed by ${filters}`, async (t) => {
    const fixture = await start(t);
    const { document } = await fixture.ask('GET', `/containers/json?${encodeURI(filters)}`);
    t.deepEqual(
      (document as { Id: string }[]).map(({ Id }) => Id),
      [...each.ids],
    );
  });
}

test('states are put in words', async (t) => {
  const fixture = await start(t);
  const { document } = await fixture.ask('GET', '/containers/json?all=1');
  t.deepEqual(
    (document as { Status: string }[]).map(({ Status }) => Status),
    ['Up 5 seconds', 'Exited (3) 2 hours ago'],
  );
});

test('a container is found by id, name and prefix', async (t) => {
  const fixture = await start(t);
  for (const reference of [OLD, OLD.slice(0, 4), 'old', '%2Fold']) {
    t.like((await fixture.ask('GET', `/containers/${reference}/json`)).document, { Id: OLD });
  }
  t.is((await fixture.ask('GET', '/containers/a/json')).status, 400);
  t.deepEqual((await fixture.ask('GET', '/containers/nosuch/json')).document, {
    message: 'No such container: nosuch',
  });
});

test("what the spec leaves open is shown as the image's", async (t) => {
  const fixture = await start(t);
  const { document } = await fixture.ask('POST', '/images/create?fromSrc=-&repo=app', 'tar');
  const { command, ...spec } = containerSpec('c'.repeat(64));
  t.truthy(command);
  fixture.runtime.put({
    id: spec.id,
    spec,
    imageId: (document as { status: string }).status,
    state: 'created',
    createdAtMs: 0,
  });
  t.like((await fixture.ask('GET', '/containers/ccc/json')).document, {
    Path: 'sh',
    Config: { Env: ['PATH=/bin', 'A=1'] },
  });
});

test('logs are multiplexed, with timestamps when asked for', async (t) => {
  const fixture = await start(t);
  fixture.runtime.logLines = [
    { stream: 'stdout', time: '2026-01-01T00:00:00.5Z', line: Buffer.from('one\n') },
    { stream: 'stderr', time: '2026-01-01T00:00:01Z', line: Buffer.from('two\n') },
  ];
  const answer = await fixture.ask('GET', `/containers/${WEB}/logs?stdout=1&timestamps=1`);
  t.is(answer.headers['content-type'], 'application/vnd.docker.multiplexed-stream');
  t.is(answer.text.slice(8), '2026-01-01T00:00:00.500000000Z one\n');
  const tail = await fixture.ask('GET', `/containers/${WEB}/logs?stdout=1&stderr=1&tail=1`);
  t.is(tail.text, '\u0002\0\0\0\0\0\0\u0004two\n');
  t.is((await fixture.ask('GET', `/containers/${WEB}/logs`)).status, 400);
});

const REFUSED = [
  { method: 'POST', path: '/containers/old/kill', status: 409 },
  { method: 'POST', path: '/containers/aa/kill?signal=SIG%20KILL', status: 400 },
  { method: 'POST', path: '/containers/aa/stop?t=soon', status: 400 },
  { method: 'POST', path: '/containers/old/stop', status: 304 },
  { method: 'DELETE', path: '/containers/aa', status: 409 },
  { method: 'POST', path: '/containers/aa/wait?condition=never', status: 400 },
  { method: 'POST', path: '/containers/create', status: 501 },
  { method: 'POST', path: '/containers/old/start', status: 501 },
  { method: 'POST', path: '/containers/aa/attach', status: 501 },
  { method: 'GET', path: '/containers/old/top', status: 409 },
  { method: 'GET', path: '/containers/aa/top?ps_args=aux', status: 501 },
];

for (const { method, path, status } of REFUSED) {
  test(`${method} ${path} is answered with ${status}`, async (t) => {
    const fixture = await start(t);
    t.is((await fixture.ask(method, path)).status, status);
    t.is(fixture.runtime.list().length, 2);
    t.deepEqual(fixture.runtime.killed, []);
  });
}

test('a wait ends with the container', async (t) => {
  const fixture = await start(t);
  const waited = fixture.ask('POST', `/containers/${WEB}/wait?condition=next-exit`);
  t.is((await fixture.ask('POST', `/containers/${WEB}/kill?signal=SIGTERM`)).status, 204);
  t.deepEqual((await waited).document, { StatusCode: 137 });
  t.deepEqual(fixture.runtime.killed, ['SIGTERM']);
  t.deepEqual((await fixture.ask('POST', '/containers/old/wait')).document, { StatusCode: 3 });
});

test('a container that runs is removed by force', async (t) => {
  const fixture = await start(t);
  t.is((await fixture.ask('DELETE', '/containers/aa?force=1')).status, 204);
  t.is((await fixture.ask('DELETE', '/containers/old')).status, 204);
  t.deepEqual(fixture.runtime.list(), []);
});

test('usage of a container is told once or over and over', async (t) => {
  const fixture = await start(t);
  const once = await fixture.ask('GET', '/containers/aa/stats?stream=0&one-shot=1');
  t.like(once.document, { id: WEB, preread: '0001-01-01T00:00:00Z' });
  const ended = await fixture.ask('GET', '/containers/old/stats?stream=0&one-shot=1');
  t.like(ended.document, { id: OLD, memory_stats: {} });
});
