import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { HOST_NAMESPACE } from '../../src/dataplane/index.ts';
import { KernelError } from '../../src/kernel/index.ts';
import { NamespaceTable } from '../../src/kernel/netns.ts';
import { createLink, listLinks, readLink } from '../../src/kernel/netlink/index.ts';

function makeTable(t: ExecutionContext): { table: NamespaceTable; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-table-'));
  const table = new NamespaceTable(folder);
  t.teardown(() => {
    for (const name of table.names()) table.delete(name);
    table.close();
    rmSync(folder, { recursive: true });
  });
  return { table, folder };
}

test('a namespace is opened once, and again when its file has become another', (t) => {
  const { table } = makeTable(t);
  table.create('one');
  const first = table.open('one');
  t.is(table.open('one'), first);
  first.route.request(createLink({ name: 'br0', kind: { kind: 'bridge' } }));
  // Somebody else replaces it.
  execFileSync('umount', ['-l', table.path('one')]);
  table.create('one');
  const second = table.open('one');
  t.not(second.inode, first.inode);
  t.deepEqual(
    second.route.dump(listLinks()).map((message) => readLink(message)?.name),
    ['lo'],
  );
  t.is(table.openCount, 1);
});

test('a deleted namespace is not kept alive by what was opened of it', (t) => {
  const { table } = makeTable(t);
  table.create('one');
  table.open('one');
  table.delete('one');
  t.is(table.openCount, 0);
  const error = t.throws(() => table.open('one'), { instanceOf: KernelError });
  t.like(error.detail, { code: 'SYSTEM', errno: 'ENOENT' });
});

test('more namespaces than may be open at once are served one after the other', (t) => {
  const { table } = makeTable(t);
  const names = Array.from({ length: 270 }, (_, index) => `many-${index}`);
  for (const name of names) table.create(name);
  t.deepEqual(table.names().sort(), [...names].sort());
  table.open(HOST_NAMESPACE);
  const inodes = names.map((name) => table.open(name).inode);
  t.is(new Set(inodes).size, names.length);
  t.is(table.openCount, 256);
  t.deepEqual(
    names.map((name) => table.open(name).inode),
    inodes,
  );
});

test('names that would leave the folder are refused, plain files are not listed', (t) => {
  const { table, folder } = makeTable(t);
  for (const name of ['../x', 'a/b', '.', '..', '-x', 'x'.repeat(65)]) {
    const error = t.throws(() => table.create(name), { instanceOf: KernelError });
    t.is(error.detail.code, 'INVALID_ARGUMENT', name);
  }
  for (const action of ['create', 'delete'] as const)
    t.throws(() => table[action](HOST_NAMESPACE), { instanceOf: KernelError });
  writeFileSync(join(folder, 'netns', 'plain'), '');
  t.deepEqual(table.names(), []);
  t.throws(() => table.open('plain'), { instanceOf: KernelError });
  t.is(table.open(HOST_NAMESPACE).inode, statSync('/proc/self/ns/net').ino);
});
