import test from 'ava';
import { ClusterError } from '../../../../src/cluster/errors.ts';
import {
  decodeHello,
  decodeRefused,
  encodeHello,
  encodeRefused,
  nodeOfPeer,
  sharedVersion,
  type Hello,
} from '../../../../src/cluster/consensus/links/hello.ts';
import type { PeerId } from '../../../../src/raft/index.ts';

const HELLO: Hello = {
  clusterId: 'c1',
  from: 'n1:00000001' as PeerId,
  to: 'n2:00000002' as PeerId,
  purpose: 'messages',
  versions: { min: 1, max: 1 },
};

const VECTOR =
  '{"clusterId":"c1","from":"n1:00000001","to":"n2:00000002","purpose":"messages",' +
  '"versions":{"min":1,"max":1}}';

function codeOf(act: () => unknown): string {
  try {
    act();
    return 'none';
  } catch (error) {
    return error instanceof ClusterError ? error.detail.code : String(error);
  }
}

test('a hello has the committed text, and fields that a later release adds are ignored', (t) => {
  t.is(encodeHello(HELLO).toString(), VECTOR);
  t.deepEqual(decodeHello(Buffer.from(VECTOR)), HELLO);
  t.deepEqual(decodeHello(Buffer.from(VECTOR.replace('{', '{"later":[1],'))), HELLO);
});

test('the highest version that both know is spoken, and none is refused', (t) => {
  const cases = [
    { theirs: { min: 1, max: 1 }, expected: 1 },
    { theirs: { min: 1, max: 9 }, expected: 1 },
    { theirs: { min: 2, max: 9 }, expected: 'protocol' },
  ];
  for (const { theirs, expected } of cases) {
    if (typeof expected === 'number') t.is(sharedVersion(theirs), expected);
    else
      t.is(
        codeOf(() => sharedVersion(theirs)),
        expected,
      );
  }
});

test('what is no hello is refused', (t) => {
  const cases = ['', '{}', 'x', VECTOR.replace('n1:', ''), VECTOR.replace('messages', 'more')];
  for (const text of cases)
    t.is(
      codeOf(() => decodeHello(Buffer.from(text))),
      'protocol',
      text,
    );
  t.is(
    codeOf(() => decodeRefused(Buffer.from('[]'))),
    'protocol',
  );
});

test('a refusal carries its reason', (t) => {
  t.is(encodeRefused('no').toString(), '{"reason":"no"}');
  t.is(decodeRefused(Buffer.from('{"reason":"no","later":1}')), 'no');
});

test('a peer is on the node that its id begins with', (t) => {
  t.is(nodeOfPeer(HELLO.from), 'n1');
});
