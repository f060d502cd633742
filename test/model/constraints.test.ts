import test from 'ava';
import { satisfiesConstraint, tryParseConstraint, type Node } from '../../src/model/index.ts';

const node = {
  id: 'n1',
  address: '198.18.0.1',
  spec: { Role: 'worker', Labels: { disk: 'SSD', 'a.b-c': '1' } },
  description: { hostname: 'Host1', os: 'linux', architecture: 'x86_64' },
} as unknown as Node;

const cases: readonly { text: string; expected: boolean }[] = [
  { text: 'node.id==n1', expected: true },
  { text: 'node.id != n1', expected: false },
  { text: 'node.hostname==host1', expected: true },
  { text: 'NODE.HOSTNAME==host1', expected: true },
  { text: 'node.role == manager', expected: false },
  { text: 'node.role!=manager', expected: true },
  { text: 'node.ip==198.18.0.1', expected: true },
  { text: 'node.platform.os==linux', expected: true },
  { text: 'node.platform.arch==arm64', expected: false },
  { text: 'node.labels.disk==ssd', expected: true },
  { text: 'node.labels.a.b-c==1', expected: true },
  { text: 'node.labels.missing==x', expected: false },
  { text: 'node.labels.missing!=x', expected: true },
  { text: 'node.labels.toString!=x', expected: true },
  { text: 'engine.labels.x!=y', expected: true },
  { text: 'engine.labels.x==y', expected: false },
  { text: 'node.colour==red', expected: false },
  { text: 'node.colour!=red', expected: false },
];

for (const { text, expected } of cases) {
  test(`${text} is ${expected ? '' : 'not '}satisfied`, (t) => {
    const constraint = tryParseConstraint(text);
    if ('problem' in constraint) return t.fail(constraint.problem);
    t.is(satisfiesConstraint(node, constraint), expected);
  });
}

const problems: readonly { text: string; expected: string }[] = [
  { text: '', expected: 'constraint expected one operator from ==, !=' },
  { text: 'node.id=n1', expected: 'constraint expected one operator from ==, !=' },
  { text: '==x', expected: "key '' is invalid" },
  { text: '1abc==x', expected: "key '1abc' is invalid" },
  { text: 'node.id==', expected: "value '' is invalid" },
  { text: 'node.id==a;b', expected: "value 'a;b' is invalid" },
];

for (const { text, expected } of problems) {
  test(`"${text}" is no constraint`, (t) =>
    t.deepEqual(tryParseConstraint(text), { problem: expected }));
}
