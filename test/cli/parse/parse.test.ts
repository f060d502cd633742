import test from 'ava';
import { CliError } from '../../../src/cli/errors.ts';
import { parseMount } from '../../../src/cli/parse/mounts.ts';
import { parsePublish } from '../../../src/cli/parse/ports.ts';
import { parseBytes, parseDuration, parseNanoCpus } from '../../../src/cli/parse/quantities.ts';
import { filterQuery, withTag } from '../../../src/cli/parse/words.ts';

const isUsage = { instanceOf: CliError, message: /^--[\w ]+: / };

test('durations are nanoseconds', (t) => {
  const table: [string, number][] = [
    ['0', 0],
    ['10s', 10e9],
    ['1m30s', 90e9],
    ['1.5h', 5400e9],
    ['250ms', 250e6],
  ];
  for (const [text, expected] of table) t.is(parseDuration('--delay', text), expected, text);
  for (const wrong of ['', '10', 's', '-1s', '1 s']) {
    t.throws(() => parseDuration('--delay', wrong), isUsage, wrong);
  }
});

test('sizes are powers of 1024', (t) => {
  t.is(parseBytes('--m', '64m'), 64 * 1024 ** 2);
  t.is(parseBytes('--m', '1GB'), 1024 ** 3);
  t.is(parseBytes('--m', '512'), 512);
  t.is(parseNanoCpus('--cpu', '0.5'), 5e8);
  for (const wrong of ['', 'm', '-1', '1x', '1e3']) {
    t.throws(() => parseBytes('--m', wrong), isUsage, wrong);
  }
});

test('ports in both notations', (t) => {
  const tcp = { Protocol: 'tcp', PublishMode: 'ingress' } as const;
  t.deepEqual(parsePublish('8080:80'), [{ ...tcp, TargetPort: 80, PublishedPort: 8080 }]);
  t.deepEqual(parsePublish('80/udp'), [{ ...tcp, Protocol: 'udp', TargetPort: 80 }]);
  t.deepEqual(parsePublish('8000-8001:80-81'), [
    { ...tcp, TargetPort: 80, PublishedPort: 8000 },
    { ...tcp, TargetPort: 81, PublishedPort: 8001 },
  ]);
  t.deepEqual(parsePublish('published=8080,target=80,protocol=sctp,mode=host'), [
    { Protocol: 'sctp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'host' },
  ]);
  const wrong = ['', 'x', '80:', '0:80', '1:70000', '5-3:5-3', '1-2:1-3', '80/icmp', 'mode=host'];
  for (const text of wrong) t.throws(() => parsePublish(text), isUsage, text);
});

test("mounts with docker's synonyms", (t) => {
  t.deepEqual(parseMount('type=bind,src=/a,dst=/b,readonly'), {
    Type: 'bind',
    Source: '/a',
    Target: '/b',
    ReadOnly: true,
  });
  t.deepEqual(parseMount('type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1777'), {
    Type: 'tmpfs',
    Target: '/t',
    TmpfsOptions: { SizeBytes: 1024 ** 2, Mode: 0o1777 },
  });
  for (const wrong of ['type=volume', 'type=x,target=/t', 'target=/t,colour=red']) {
    t.throws(() => parseMount(wrong), isUsage, wrong);
  }
});

test('references without a tag mean latest', (t) => {
  t.is(withTag('busybox'), 'busybox:latest');
  t.is(withTag('host:5000/a/b'), 'host:5000/a/b:latest');
  t.is(withTag('a@sha256:00'), 'a@sha256:00');
});

test('filters are grouped by key', (t) => {
  t.deepEqual(filterQuery([]), {});
  t.deepEqual(filterQuery(['name=a', 'name=b', 'label=x=y']), {
    filters: '{"name":{"a":true,"b":true},"label":{"x=y":true}}',
  });
  t.throws(() => filterQuery(['name']), isUsage);
});
