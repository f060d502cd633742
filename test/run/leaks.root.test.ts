import { execFileSync } from 'node:child_process';
import test from 'ava';
import { leftSince, snapshotLeftovers } from './leaks.ts';

test.serial('a namespace that stays is named, one that goes is not', (t) => {
  const before = snapshotLeftovers();
  const name = `leak-test-${process.pid}`;
  execFileSync('ip', ['netns', 'add', name]);
  try {
    t.true(leftSince(before).includes(`namespace ${name}`));
  } finally {
    execFileSync('ip', ['netns', 'del', name]);
  }
  t.false(leftSince(before).includes(`namespace ${name}`));
});
