/** A small root file system of the machine's dynamic busybox and its libraries. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const APPLETS = [
  'sh',
  'cat',
  'echo',
  'sleep',
  'id',
  'ls',
  'stty',
  'head',
  'dd',
  'pwd',
  'env',
  'tr',
  'true',
  'grep',
  'touch',
  'ulimit',
  'mknod',
  'kill',
  'seq',
  'tail',
  'stat',
  'mount',
  'unshare',
  'hostname',
];

/** The same bytes at every call: a layer is known by its content. */
const TAR_OPTIONS = ['--numeric-owner', '--sort=name', '--mtime=@0'];

/** A tar of it. */
export function busyboxTar(): Buffer {
  const root = mkdtempSync('/tmp/hawser-rootfs-');
  try {
    fill(root);
    return execFileSync('tar', [...TAR_OPTIONS, '-C', root, '-cf', '-', '.'], {
      maxBuffer: 64 << 20,
    });
  } finally {
    rmSync(root, { recursive: true });
  }
}

function fill(root: string): void {
  const busybox = execFileSync('which', ['busybox'], { encoding: 'utf8' }).trim();
  const libraries = execFileSync('ldd', [busybox], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  for (const file of [...libraries]) {
    mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
    copyFileSync(file, path.join(root, file));
  }
  for (const name of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'data']) {
    mkdirSync(path.join(root, name), { recursive: true });
  }
  copyFileSync(busybox, path.join(root, 'bin/busybox'));
  for (const applet of APPLETS) symlinkSync('busybox', path.join(root, 'bin', applet));
  writeFileSync(
    path.join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001::/home/web:/bin/sh\n',
  );
  writeFileSync(path.join(root, 'etc/group'), 'root:x:0:\nweb:x:1001:\nlog:x:1002:web\n');
  writeFileSync(path.join(root, 'data/greeting'), 'hello from the image\n');
}
