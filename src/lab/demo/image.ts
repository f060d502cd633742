/**
 * An image without a registry: Debian's busybox with its libraries, and a web page that says who
 * answers and who asked.
 *
 * The dynamic busybox is taken, because the static one crashes in wget and httpd when a root file
 * system has no name service files.
 */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { LabError } from '../errors.ts';
import { run } from '../shell.ts';

/** What the page says: the host name of the task, and the client's address as the task sees it. */
const PAGE = `#!/bin/sh
client=$(echo "$REMOTE_ADDR" | sed 's/^\\[//; s/\\]$//; s/^::ffff://')
printf 'Content-Type: text/plain\\r\\n\\r\\n%s %s\\n' "$(hostname)" "$client"
`;

export const DEMO_PORT = 8000;
/** Instructions for `docker import --change`. */
export const DEMO_CHANGES: readonly string[] = [
  `CMD ["httpd","-f","-p","${DEMO_PORT}","-h","/www"]`,
  'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin',
];

/**
 * Writes the root file system as a tar file, for `docker import`. `programs` of this machine go
 * into its /bin as well, with their libraries.
 */
export async function buildDemoImage(
  tarPath: string,
  programs: readonly string[] = [],
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'hawser-image-'));
  try {
    await fillRoot(root);
    for (const program of programs) await copyProgram(root, await pathOf(program), program);
    await run(['tar', '--numeric-owner', '-C', root, '-cf', tarPath, '.']);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function fillRoot(root: string): Promise<void> {
  chmodSync(root, 0o755);
  for (const directory of ['bin', 'etc', 'proc', 'sys', 'dev', 'root', 'tmp', 'www/cgi-bin']) {
    mkdirSync(join(root, directory), { recursive: true });
  }
  chmodSync(join(root, 'tmp'), 0o1777);
  const busybox = await pathOf('busybox');
  await copyProgram(root, busybox, 'busybox');
  const applets = (await run([busybox, '--list'])).trim().split('\n');
  for (const applet of applets) {
    if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet));
  }
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  writeFileSync(join(root, 'www/cgi-bin/index.cgi'), PAGE, { mode: 0o755 });
}

async function pathOf(program: string): Promise<string> {
  return (await run(['sh', '-c', 'readlink -f "$(command -v "$0")"', program])).trim();
}

async function copyProgram(root: string, path: string, name: string): Promise<void> {
  for (const library of await librariesOf(path)) copyInto(root, library, library);
  copyInto(root, path, `/bin/${name}`);
}

/** Paths of the shared libraries and the loader, as the loader itself lists them. */
async function librariesOf(program: string): Promise<string[]> {
  const listed = await run(['ldd', program]).catch((error: unknown) => {
    throw new LabError(
      { code: 'command-failed', command: `ldd ${program}`, status: 1 },
      `${program} has no libraries (of busybox, the package busybox is needed, not busybox-static)`,
      error,
    );
  });
  return [...listed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
}

function copyInto(root: string, from: string, to: string): void {
  const target = join(root, to);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(from, target);
  chmodSync(target, 0o755);
}
