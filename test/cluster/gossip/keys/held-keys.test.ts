import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SILENT_LOGGER, type LogFields, type Logger } from '../../../../src/base/index.ts';
import type { NodeId } from '../../../../src/model/index.ts';
import { HeldKeys } from '../../../../src/cluster/gossip/keys/held-keys.ts';
import type { WireRing } from '../../../../src/cluster/gossip/keys/ring-plan.ts';
import { ringSchema } from '../../../../src/cluster/transport/index.ts';

const NODE = 'n1' as NodeId;

function ring(generation: number, ...ids: readonly number[]): WireRing {
  const keys = ids.map((id) => ({ id, secret: randomBytes(32).toString('base64') }));
  return { generation, keys, primary: ids[0] ?? 0 };
}

async function directory(t: ExecutionContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'hawser-keys-'));
  t.teardown(() => rm(made, { recursive: true }));
  return made;
}

const load = (at: string, nodeId = NODE, logger: Logger = SILENT_LOGGER): Promise<HeldKeys> =>
  HeldKeys.load({ directory: at, nodeId, logger });

test('a ring outlives the agent, in a file that only root reads', async (t) => {
  const at = await directory(t);
  const held = await load(at);
  t.is(held.ring, undefined);
  const told = ring(3, 1, 2);
  held.follow(told);
  await held.flush();
  t.is((await stat(join(at, 'gossip-keys.json'))).mode & 0o777, 0o600);
  const again = await load(at);
  t.is(again.ring?.generation, 3);
  const [primary] = again.ring?.accepted ?? [];
  t.is(Buffer.from(primary?.bytes ?? []).toString('base64'), told.keys[0]?.secret ?? '');
});

test('a ring is one object, whatever it follows, and never goes back', async (t) => {
  const held = await load(await directory(t));
  held.follow(ring(2, 1));
  const { ring: first } = held;
  held.follow(ring(3, 1, 2));
  held.follow(ring(1, 9));
  t.is(held.ring, first);
  t.is(held.ring?.generation, 3);
  await held.flush();
});

test('keys of another node, or damaged, are dropped, and no secret is logged', async (t) => {
  const at = await directory(t);
  const held = await load(at);
  held.follow(ring(1, 1));
  await held.flush();
  t.is((await load(at, 'n2' as NodeId)).ring, undefined);
  const text = (await readFile(join(at, 'gossip-keys.json'))).toString();
  await writeFile(join(at, 'gossip-keys.json'), text.slice(0, -4));
  const logged: string[] = [];
  const warn = (fields: LogFields, message: string): void =>
    void logged.push(JSON.stringify(fields) + message);
  t.is((await load(at, NODE, { ...SILENT_LOGGER, warn })).ring, undefined);
  t.is(logged.length, 1);
  t.false(logged.some((line) => line.includes('secret')));
});

test('what is discarded leaves no file', async (t) => {
  const at = await directory(t);
  const held = await load(at);
  held.follow(ring(1, 1));
  await held.discard();
  t.deepEqual(await readdir(at), []);
});

const GOOD = ring(1, 1, 2);
const [KEY = { id: 0, secret: '' }] = GOOD.keys;
const BAD = [
  { name: 'a primary that is no key', ring: { ...GOOD, primary: 3 } },
  { name: 'an id twice', ring: { ...GOOD, keys: [KEY, KEY] } },
  { name: 'no key', ring: { ...GOOD, keys: [] } },
  { name: 'four keys', ring: ring(1, 1, 2, 3, 4) },
  { name: 'an id that is none', ring: ring(1, 0) },
  { name: 'a short key', ring: { ...GOOD, keys: [{ id: 1, secret: 'c2hvcnQ=' }] } },
];

for (const { name, ring: bad } of BAD)
  test(`no node takes a ring with ${name}`, (t) => {
    t.true(ringSchema.safeParse(GOOD).success);
    t.false(ringSchema.safeParse(bad).success);
  });
