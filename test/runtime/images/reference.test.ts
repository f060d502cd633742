import test from 'ava';
import { RuntimeError } from '../../../src/runtime/index.ts';
import { formatTagged, parseReference } from '../../../src/runtime/images/reference.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

const GOOD = [
  { text: 'busybox', expected: 'busybox:latest' },
  { text: 'busybox:1.36', expected: 'busybox:1.36' },
  { text: 'library/busybox', expected: 'busybox:latest' },
  { text: 'docker.io/busybox', expected: 'busybox:latest' },
  { text: 'docker.io/library/busybox:a', expected: 'busybox:a' },
  { text: 'index.docker.io/library/busybox', expected: 'busybox:latest' },
  { text: 'docker.io/team/app', expected: 'team/app:latest' },
  { text: 'team/app:V1.2-rc_3', expected: 'team/app:V1.2-rc_3' },
  { text: 'localhost/app', expected: 'localhost/app:latest' },
  { text: 'localhost:5000/app:2', expected: 'localhost:5000/app:2' },
  { text: 'Registry.example.com/a/b__c/d-e', expected: 'Registry.example.com/a/b__c/d-e:latest' },
  { text: '[fd00::1]:5000/app', expected: '[fd00::1]:5000/app:latest' },
  { text: `app:1@${DIGEST}`, expected: 'app:1' },
];

for (const { text, expected } of GOOD) {
  test(`${text} is ${expected}`, (t) => {
    t.is(formatTagged(parseReference(text)), expected);
  });
}

test('a digest is kept', (t) => {
  t.deepEqual(parseReference(`docker.io/app@${DIGEST}`), { name: 'app', digest: DIGEST });
});

const BAD = [
  '',
  ':',
  ':tag',
  'UPPER',
  'a b',
  'a//b',
  '/a',
  'a/',
  'a:',
  'a:-x',
  `a:${'x'.repeat(129)}`,
  'a@sha256:12',
  'a@b@c',
  '../a',
  'a__b___c/..',
  'x'.repeat(256),
  'a'.repeat(64),
  '-bad.example.com:1/x',
];

for (const text of BAD) {
  test(`${JSON.stringify(text.slice(0, 30))} is no reference`, (t) => {
    const error = t.throws(() => parseReference(text), { instanceOf: RuntimeError });
    t.is(error.detail.code, 'invalid');
  });
}
