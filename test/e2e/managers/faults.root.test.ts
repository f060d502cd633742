/** Links that are cut, wholly and one way, and a disk that is full, while a client writes. */
import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, mkdtempSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { labStart, labStop } from '../../../src/lab/index.ts';
import { apiOf, eventually, inLab, labDown, labNode, startLab, tryVerb } from '../lab-fixture.ts';
import {
  managersNow,
  NO_LEADER,
  raftTerm,
  whenLed,
  whenShownAs,
  whenWritten,
  WRITABLE_LIMIT_MS,
} from './seen.ts';
import { Writer } from './writer.ts';

const MANAGERS = [1, 2, 3];
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
/** Room for two segments of the log, and not for three. */
const DISK_BYTES = 44 << 20;
/** Labels of so much in each write fill a segment of the log within seconds. */
const BIG_LABELS = Object.fromEntries(
  Array.from({ length: 16 }, (_, at) => [`big-${at}`, 'x'.repeat(60_000)]),
);

/** By its path: npm puts a program of the same name before it. */
const NFT = '/usr/sbin/nft';

let writer: Writer | undefined;

test.before(async () => {
  await startLab(MANAGERS.length, MANAGERS.length);
  writer = new Writer(MANAGERS, SEED);
});
test.after.always(async () => {
  await writer?.stop();
  await labDown();
});

const ip = (...words: string[]): void => void execFileSync('ip', words);
const link = (node: number, state: 'up' | 'down'): void =>
  ip('-n', 'hawser-lab-net', 'link', 'set', labNode(node).port, state);

test.serial('a leader that is cut off answers for nobody, and others lead', async (t) => {
  t.log(`SEED=${SEED}`);
  const cut = await whenLed(t);
  const [other = 0] = MANAGERS.filter((node) => node !== cut);
  const since = performance.now();
  link(cut, 'down');
  const tookMs = await whenWritten(t, writer, since);
  t.log(`written ${tookMs} ms after the cut`);
  t.true(tookMs < WRITABLE_LIMIT_MS);
  await eventually(t, 'the one that is cut off to refuse', {
    look: () => tryVerb(cut, 'service', 'ls'),
    holds: ({ status, stderr }) => status !== 0 && NO_LEADER.test(stderr),
  });
  await whenShownAs(t, { manager: other, node: cut, shown: /\/Unreachable$/ });
  const [leader = 0] = await managersNow();
  const term = await raftTerm(leader);
  link(cut, 'up');
  await whenShownAs(t, { manager: cut, node: cut, shown: /^Ready\/Reachable$/ });
  t.is(await raftTerm(leader), term, 'it comes back without an election');
});

test.serial('a leader that hears nobody gives way, though everybody hears it', async (t) => {
  const deaf = await whenLed(t);
  const rules =
    'table inet deaf { chain in { type filter hook input priority 0; ' +
    'tcp dport 2377 drop; tcp sport 2377 drop; }; }';
  const since = performance.now();
  t.is((await inLab(deaf, NFT, rules)).status, 0);
  const [next = 0] = await eventually(t, 'another leader', {
    look: () => managersNow(),
    holds: ([leader = deaf]) => leader !== deaf,
  });
  const tookMs = await whenWritten(t, writer, since);
  t.log(`written ${tookMs} ms after its ears were shut`);
  t.is((await inLab(deaf, NFT, 'delete', 'table', 'inet', 'deaf')).status, 0);
  await whenShownAs(t, { manager: next, node: deaf, shown: /^Ready\/Reachable$/ });
});

test.serial(
  'a full disk on the leader: another leads; it goes on when there is room',
  async (t) => {
    for (const node of MANAGERS) {
      await labStop(String(node), 'SIGTERM');
      moveToSmallDisk(clusterDirectory(node));
      await labStart(String(node));
    }
    const full = await whenLed(t);
    t.true(await writeBig(full));
    const filler = fill(join(clusterDirectory(full), 'filler'));
    const others = MANAGERS.filter((node) => node !== full);
    await eventually(t, 'another leader', {
      look: async () => {
        await writeBig(others[0] ?? 0);
        return managersNow();
      },
      holds: ([leader = full]) => leader !== full,
    });
    await whenWritten(t, writer, performance.now());
    rmSync(filler);
    await eventually(t, `node ${full} to follow again`, {
      look: () => tryVerb(full, 'service', 'ls', '-q'),
      holds: ({ status }) => status === 0,
    });
    t.true(await writeBig(full));
  },
);

test.serial('no acknowledged write is lost, and each was made once', async (t) => {
  await writer?.stop();
  const written = await writer?.check(MANAGERS);
  t.log(`${written} writes`, Object.fromEntries(writer?.refusals ?? []));
  t.deepEqual(writer?.faults, []);
});

const clusterDirectory = (node: number): string => join(labNode(node).dataDirectory, 'cluster');

/** Mounts a file system of its own, with what is there, over a directory. */
function moveToSmallDisk(directory: string): void {
  const aside = mkdtempSync(`${directory}-`);
  renameSync(directory, join(aside, 'cluster'));
  execFileSync('mkdir', ['-m', '700', directory]);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES},mode=700`, 'tmpfs', directory]);
  cpSync(join(aside, 'cluster'), directory, { recursive: true });
  rmSync(aside, { recursive: true });
}

/** Writes a file until nothing more fits; returns its path. */
function fill(path: string): string {
  const file = openSync(path, 'w');
  const zeros = Buffer.alloc(4096);
  try {
    for (;;) writeSync(file, zeros);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
  return path;
}

/** Makes the log grow. Whether it could. */
async function writeBig(manager: number): Promise<boolean> {
  const body = { Name: 'big', Driver: 'overlay', Labels: BIG_LABELS };
  const api = apiOf(manager);
  const signal = AbortSignal.timeout(10_000);
  return api
    .call({ method: 'POST', path: '/networks/create', body, signal })
    .then(() => api.call({ method: 'DELETE', path: '/networks/big', signal }))
    .then(
      () => true,
      () => false,
    );
}
