import test from 'ava';
import { RuntimeError } from '../../../src/runtime/index.ts';
import { applyChanges } from '../../../src/runtime/images/import-changes.ts';

const GOOD = [
  { changes: [], expected: {} },
  { changes: ['CMD ["a", "b c"]'], expected: { Cmd: ['a', 'b c'] } },
  { changes: ['CMD echo $HOME'], expected: { Cmd: ['/bin/sh', '-c', 'echo $HOME'] } },
  { changes: ['cmd ["a"]', 'CMD ["b"]'], expected: { Cmd: ['b'] } },
  { changes: ['ENTRYPOINT ["/e"]'], expected: { Entrypoint: ['/e'] } },
  {
    changes: ['ENV A=1 B="two words" C=it\\ is', 'ENV A=2'],
    expected: { Env: ['A=2', 'B=two words', 'C=it is'] },
  },
  { changes: ['ENV OLD the whole rest'], expected: { Env: ['OLD=the whole rest'] } },
  { changes: ['ENV Q=\'$x "y"\''], expected: { Env: ['Q=$x "y"'] } },
  {
    changes: ['EXPOSE 80 53/udp 8000-8001'],
    expected: { ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8000/tcp': {}, '8001/tcp': {} } },
  },
  { changes: ['USER web:web'], expected: { User: 'web:web' } },
  { changes: ['WORKDIR /a', 'WORKDIR b/../c'], expected: { WorkingDir: '/a/c' } },
  { changes: ['LABEL a=b "c d"="e f"'], expected: { Labels: { a: 'b', 'c d': 'e f' } } },
  {
    changes: ['VOLUME /data /more', 'VOLUME ["/x y"]'],
    expected: { Volumes: { '/data': {}, '/more': {}, '/x y': {} } },
  },
  { changes: ['STOPSIGNAL SIGQUIT'], expected: { StopSignal: 'SIGQUIT' } },
  {
    changes: ['HEALTHCHECK --interval=1m30s --retries=2 CMD curl -f http://x/ || exit 1'],
    expected: {
      Healthcheck: {
        Interval: 90e9,
        Retries: 2,
        Test: ['CMD-SHELL', 'curl -f http://x/ || exit 1'],
      },
    },
  },
  { changes: ['HEALTHCHECK CMD ["a"]'], expected: { Healthcheck: { Test: ['CMD', 'a'] } } },
  { changes: ['HEALTHCHECK NONE'], expected: { Healthcheck: { Test: ['NONE'] } } },
];

for (const { changes, expected } of GOOD) {
  test(`changes ${JSON.stringify(changes)}`, (t) => {
    t.deepEqual<unknown, unknown>(applyChanges(changes), expected);
  });
}

const BAD = [
  'RUN ls',
  'FROM x',
  'ONBUILD RUN x',
  'constructor x',
  '',
  'CMD',
  'ENV A',
  'ENV =x',
  'ENV A="open',
  'EXPOSE 0',
  'EXPOSE 70000',
  'EXPOSE 9-8',
  'EXPOSE x',
  'USER a b',
  'VOLUME [""]',
  'HEALTHCHECK x',
  'HEALTHCHECK --interval=x CMD y',
  'HEALTHCHECK --nope=1s CMD y',
];

for (const change of BAD) {
  test(`${JSON.stringify(change)} is refused`, (t) => {
    const error = t.throws(() => applyChanges([change]), { instanceOf: RuntimeError });
    t.is(error.detail.code, 'invalid');
  });
}
