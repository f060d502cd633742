/**
 * The native engine answers as the resolver of this room does, byte for byte: mutated messages, and
 * questions for names that are nearly there, over random views. HAWSER_FUZZ_ROUNDS makes it long.
 */
import test, { type ExecutionContext } from 'ava';
import packet, { type Packet, type RecordType as TypeName } from 'dns-packet';
import { SeededRng, randomBelow, type Rng } from '../../../src/base/index.ts';
import {
  buildNames,
  decodeHeader,
  encodeAsker,
  encodeNetworkTable,
  readQuery,
  serveQuery,
  type Asker,
  type Names,
  type Served,
} from '../../../src/dns/index.ts';
import { endpoint, network, networkId, service, view } from '../names/sample-view.ts';
import { ACCEPTED, REFUSED } from '../wire/corpus.ts';
import { flipBits, mutate } from '../wire/mutate.ts';
import { NativeOracle, type NativeAnswer, type NativeQuery } from './native-oracle.ts';

const ROUNDS = Number(process.env['HAWSER_FUZZ_ROUNDS'] ?? 20_000);
const QUERIES_PER_VIEW = 500;
/** Their numbers are bytes. */
const TABLES_MAX = 200;
const seeds = [...ACCEPTED, ...REFUSED].map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));

const NETWORKS = ['front', 'back.end', 'ingress', 'arpa', 'odd net'];
const WORDS = ['web', 'db', 'WEB-2', 'a.b', 'tasks', 'front', 'x', 'odd name', 'k\\\\', 'ä'];
const TYPES: readonly TypeName[] = ['A', 'A', 'A', 'AAAA', 'MX', 'PTR', 'SRV', 'TXT', 'NS'];

function pick<Item>(items: readonly Item[], rng: Rng): Item {
  return items[randomBelow(rng, items.length)] as Item;
}

function randomView(rng: Rng): ReturnType<typeof view> {
  const networks = NETWORKS.filter(() => randomBelow(rng, 3) > 0);
  const place = (): Record<string, string> =>
    Object.fromEntries(
      networks
        .filter(() => randomBelow(rng, 2) === 0)
        .map((name) => [name, `10.0.${randomBelow(rng, 3)}.${randomBelow(rng, 256)}`]),
    );
  return view({
    networks: networks.map((name) => network(name, { isIngress: name === 'ingress' })),
    services: WORDS.filter(() => randomBelow(rng, 2) === 0).map((name) =>
      service(name, place(), { isDnsRoundRobin: randomBelow(rng, 4) === 0 }),
    ),
    endpoints: Array.from({ length: pick([0, 3, 40, 200], rng) }, (_, index) =>
      endpoint(`${pick(WORDS, rng).replaceAll('.', '-')}.${index}`, place(), {
        hostname: pick([...WORDS, ''], rng),
        isServing: randomBelow(rng, 5) > 0,
        aliases: [pick(WORDS, rng)],
      }),
    ),
  });
}

function randomName(rng: Rng): string {
  if (randomBelow(rng, 8) === 0) {
    const octet = (): string => String(randomBelow(rng, 260));
    return `${octet()}.${randomBelow(rng, 3)}.0.10.in-addr.arpa`;
  }
  const parts = Array.from({ length: randomBelow(rng, 3) }, () =>
    pick([...WORDS, ...NETWORKS, 'tasks', '1', 'task-web-1'], rng),
  );
  const first = pick([[], ['tasks']], rng);
  const name = [...first, pick(WORDS, rng), ...parts].join('.');
  return randomBelow(rng, 3) === 0 ? name.toUpperCase() : name;
}

function randomQuery(rng: Rng): Uint8Array {
  if (randomBelow(rng, 4) === 0) return mutate(seeds, rng);
  const opt = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: pick([0, 512, 1232, 4096, 65_535], rng),
    ednsVersion: pick([0, 0, 0, 1], rng),
    flags: pick([0, 0x8000], rng),
    options: [],
  };
  const flags = pick([0, packet.RECURSION_DESIRED, packet.CHECKING_DISABLED, 0x0800, 0x40], rng);
  const query: Packet = {
    type: 'query',
    id: randomBelow(rng, 65_536),
    flags,
    questions: [{ name: randomName(rng), type: pick(TYPES, rng) }],
    ...(randomBelow(rng, 2) === 0 ? { additionals: [opt as never] } : {}),
  };
  const bytes = Uint8Array.from(packet.encode(query));
  return randomBelow(rng, 6) === 0 ? flipBits(bytes, rng) : bytes;
}

interface Scene {
  readonly names: Names;
  readonly asker: Asker;
}

/** Hands a random view to the oracle; tables have numbers from `first` on. */
async function stage(rng: Rng, oracle: NativeOracle, first: number): Promise<Scene & Tables> {
  const mode = pick(['default', 'compatible'] as const, rng);
  const names = buildNames(randomView(rng), { mode });
  const numbers = new Map<string, number>();
  for (const [id, one] of names.entries()) {
    if (!(await oracle.table(encodeNetworkTable(one, names.ttlSeconds))))
      throw new Error(`the table of ${id} is refused`);
    numbers.set(id, first + numbers.size);
  }
  const asked = NETWORKS.filter(() => randomBelow(rng, 4) > 0).map((id) => networkId(`id-${id}`));
  const asker = { networks: asked, hasNdots: randomBelow(rng, 2) === 0 };
  const known = asked.filter((id) => numbers.has(id));
  const ingressLast = known.sort(
    (one, other) => ingressRank(names, one) - ingressRank(names, other),
  );
  const flags = encodeAsker({ hasNdots: asker.hasNdots, mode });
  oracle.asker(
    flags,
    ingressLast.map((id) => numbers.get(id) as number),
  );
  return { names, asker, count: numbers.size };
}

interface Tables {
  readonly count: number;
}

function ingressRank(names: Names, id: Asker['networks'][number]): number {
  return names.network(id)?.isIngress === true ? 1 : 0;
}

function expectedOf(scene: Scene, query: NativeQuery): Served {
  const { seed, transport, bytes } = query;
  const rng = new SeededRng(seed);
  return serveQuery(scene.names, bytes, { asker: scene.asker, transport, rng });
}

/** What differs, if anything. */
function difference(expected: Served, query: NativeQuery, got: NativeAnswer): string | undefined {
  if (expected.kind !== got.kind) return `${expected.kind} is expected, not ${got.kind}`;
  const reading = readQuery(query.bytes, query.transport);
  const type =
    reading.kind === 'query'
      ? reading.query.question.type
      : reading.kind === 'mistake'
        ? reading.type
        : 0;
  if (got.type !== (type ?? 0)) return `type ${type} is expected, not ${got.type}`;
  if (expected.kind !== 'reply') return undefined;
  if (expected.outcome !== got.outcome) return `${expected.outcome}, not ${got.outcome}`;
  return got.reply.equals(expected.reply)
    ? undefined
    : `${Buffer.from(expected.reply).toString('hex')} is expected, not ${got.reply.toString('hex')}`;
}

function seedOf(t: ExecutionContext): number {
  const given = process.env['HAWSER_FUZZ_SEED'];
  const seed = given === undefined ? Date.now() % 2 ** 31 : Number(given);
  t.log(`HAWSER_FUZZ_SEED=${seed}`);
  return seed;
}

/** Asks both sides on one stage; counts what became of the queries. Throws at a difference. */
async function compare(rng: Rng, oracle: NativeOracle, first: number): Promise<Compared> {
  const scene = await stage(rng, oracle, first);
  const queries = Array.from({ length: QUERIES_PER_VIEW }, () => ({
    seed: rng.nextU32(),
    transport: pick(['udp', 'udp', 'tcp'] as const, rng),
    bytes: randomQuery(rng),
  }));
  const answers = await oracle.ask(queries);
  const kinds = queries.map((query, index) => {
    const expected = expectedOf(scene, query);
    const wrong = difference(expected, query, answers[index] as NativeAnswer);
    if (wrong !== undefined)
      throw new Error(`query ${Buffer.from(query.bytes).toString('hex')}: ${wrong}`);
    return expected.kind === 'reply' ? expected.outcome : expected.kind;
  });
  return { tables: scene.count, kinds };
}

interface Compared {
  readonly tables: number;
  readonly kinds: readonly string[];
}

test('every query is answered alike', async (t) => {
  t.timeout(24 * 3600_000);
  const rng = new SeededRng(seedOf(t));
  const counts = new Map<string, number>();
  for (let done = 0; done < ROUNDS;) {
    const oracle = new NativeOracle();
    for (let tables = 0; done < ROUNDS && tables < TABLES_MAX; done += QUERIES_PER_VIEW) {
      const compared = await compare(rng, oracle, tables);
      tables += compared.tables;
      for (const kind of compared.kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    await oracle.close();
  }
  t.log(Object.fromEntries(counts));
  for (const kind of ['answered', 'nodata', 'nxdomain', 'malformed', 'drop', 'forward'])
    t.true((counts.get(kind) ?? 0) >= ROUNDS / 1000, `${kind} is exercised`);
});

test('damaged tables are refused, or searched without harm', async (t) => {
  const rng = new SeededRng(seedOf(t));
  const names = buildNames(randomView(new SeededRng(7)));
  const whole = [...names.entries()].map(([, one]) => encodeNetworkTable(one, names.ttlSeconds));
  const oracle = new NativeOracle();
  let accepted = 0;
  for (let round = 0; round < 2000 && accepted < 200; round += 1) {
    const table = pick(whole, rng);
    const damaged = randomBelow(rng, 4) === 0 ? mutate([table], rng) : flipBits(table.slice(), rng);
    if (!(await oracle.table(damaged))) continue;
    oracle.asker(3, [accepted]);
    accepted += 1;
    const queries = Array.from({ length: 20 }, () => randomQuery(rng));
    const transport = 'tcp' as const;
    const answers = await oracle.ask(queries.map((bytes) => ({ seed: 1, transport, bytes })));
    for (const { kind, reply } of answers) if (kind === 'reply') decodeHeader(reply);
  }
  t.log(`${accepted} damaged tables were accepted`);
  t.true(accepted > 0);
  await t.notThrowsAsync(oracle.close());
});
