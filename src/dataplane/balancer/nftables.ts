/**
 * Balances with nf_tables alone: a map from frontend to chain, in each chain one rule that makes an
 * index, and maps from (frontend, index) to backend. So a packet costs two lookups however many
 * services and backends there are, only the first packet of a connection pays them, and a change of
 * backends is one rule and the elements that differ. The index is a counter, which starts anew
 * with the rule, in order, or a hash of the client's address.
 *
 * Backends are not in maps of their own, nor all in one: the kernel looks through all maps of a
 * table when one more is made, and through all elements of a map when a rule begins to use it.
 */
import { familyOfText, type IpFamily } from '../../base/index.ts';
import { nftDigest } from '../nft-digest.ts';
import type { NftChain, NftMap } from '../objects.ts';
import type { Balancer, BalancerRules, Frontend } from './balancer.ts';
import { HASH_SLOTS, slotsByHash, slotsInTurn } from './slots.ts';

/** One map for each family of addresses: a map has keys of one type. */
const FAMILIES = [
  { family: 4, ip: 'ip', type: 'ipv4_addr', entries: 'vips' },
  { family: 6, ip: 'ip6', type: 'ipv6_addr', entries: 'vips6' },
] as const;
const MAP_BY_PORT = 'ports';
/** Any number, the same on all nodes: a client has the same backend wherever it comes in. */
const HASH_SEED = '0x48617773';
/** Hexadecimal digits of a frontend's digest that say which map its slots are in: 256 of a kind. */
const SHARD_DIGITS = 2;

interface Slots {
  /** The map's name and type. */
  readonly map: string;
  readonly type: string;
  readonly elements: readonly (readonly [key: string, address: string])[];
}

/** What a frontend comes to. */
interface Known {
  readonly frontend: Frontend;
  readonly chain: NftChain;
  readonly slots: readonly Slots[];
}

interface Shard {
  readonly parts: readonly Slots[];
  readonly map: NftMap;
}

/** Chains and maps are kept between calls, so that what did not change is the same object. */
export class NftablesBalancer implements Balancer {
  private known = new Map<string, Known>();
  private shards = new Map<string, Shard>();

  rules(frontends: readonly Frontend[]): BalancerRules {
    const used = new Map<string, Known>();
    for (const frontend of frontends) {
      if (!frontend.backends.some(({ weight }) => weight > 0)) continue;
      used.set(frontend.id, this.knownOf(frontend));
    }
    this.known = used;
    const chains = [...used.values()].map(({ chain }) => chain);
    const entries = entriesOf([...used.values()]);
    return { maps: [...entries.maps, ...this.slotMaps()], chains, entry: entries.rules };
  }

  private knownOf(frontend: Frontend): Known {
    const known = this.known.get(frontend.id);
    if (known !== undefined && isSameFrontend(known.frontend, frontend)) {
      return known;
    }
    const made = FAMILIES.flatMap((family) => familyPart(frontend, family));
    const rules = made.map(({ rule }) => rule);
    const isSameChain = known?.chain.rules.join('\n') === rules.join('\n');
    return {
      frontend,
      chain: isSameChain ? known.chain : { name: `svc-${frontend.id}`, rules },
      slots: made.flatMap(({ slots }) => slots),
    };
  }

  private slotMaps(): NftMap[] {
    const parts = new Map<string, Slots[]>();
    for (const { slots } of this.known.values())
      for (const slot of slots) {
        const others = parts.get(slot.map);
        if (others === undefined) parts.set(slot.map, [slot]);
        else others.push(slot);
      }
    const shards = new Map<string, Shard>();
    for (const [name, own] of parts) {
      const known = this.shards.get(name);
      const isSame =
        known?.parts.length === own.length && own.every((part, at) => part === known.parts[at]);
      shards.set(name, isSame ? known : { parts: own, map: slotMap(name, own) });
    }
    this.shards = shards;
    return [...shards.values()].map(({ map }) => map);
  }
}

/** Precondition: one id. */
function isSameFrontend(one: Frontend, other: Frontend): boolean {
  if (one.backends !== other.backends || one.policy !== other.policy) return false;
  if (one.kind === 'address')
    return (
      other.kind === 'address' &&
      one.addresses.length === other.addresses.length &&
      one.addresses.every((address, at) => address === other.addresses[at])
    );
  return (
    other.kind === 'port' &&
    one.protocol === other.protocol &&
    one.port === other.port &&
    one.targetPort === other.targetPort &&
    one.link === other.link
  );
}

function entriesOf(all: readonly Known[]): { maps: NftMap[]; rules: string[] } {
  const maps: NftMap[] = [];
  const rules: string[] = [];
  for (const { family, ip, type, entries } of FAMILIES) {
    const elements = new Map(
      all.flatMap(({ frontend, chain }) =>
        addressesOf(frontend, family).map((address) => [address, `goto ${chain.name}`] as const),
      ),
    );
    if (elements.size === 0) continue;
    maps.push({ name: entries, type: `${type} : verdict`, elements });
    rules.push(`meta l4proto { tcp, udp, sctp } ${ip} daddr vmap @${entries}`);
  }
  const ports = new Map<string, string>();
  const links = new Set<string>();
  for (const { frontend, chain } of all) {
    if (frontend.kind !== 'port') continue;
    ports.set(`${frontend.protocol} . ${frontend.port}`, `goto ${chain.name}`);
    links.add(frontend.link);
  }
  if (ports.size > 0)
    maps.push({ name: MAP_BY_PORT, type: 'inet_proto . inet_service : verdict', elements: ports });
  for (const link of links)
    rules.push(`iifname "${link}" meta l4proto . th dport vmap @${MAP_BY_PORT}`);
  return { maps, rules };
}

function addressesOf(frontend: Frontend, family: IpFamily): readonly string[] {
  if (frontend.kind === 'port') return [];
  return frontend.addresses.filter((address) => familyOfText(address) === family);
}

/** The rule for packets of a family, and the slots that it looks into; nothing without backends. */
function familyPart(
  frontend: Frontend,
  { family, ip, type }: (typeof FAMILIES)[number],
): { rule: string; slots: Slots[] }[] {
  const backends = frontend.backends.filter(({ address }) => familyOfText(address) === family);
  const slots = frontend.policy === 'source-hash' ? slotsByHash(backends) : slotsInTurn(backends);
  const [first] = slots;
  if (first === undefined) return [];
  const isPort = frontend.kind === 'port';
  const prefix = isPort ? `meta l4proto ${frontend.protocol} ` : '';
  const port = isPort ? `:${frontend.targetPort}` : '';
  if (backends.filter(({ weight }) => weight > 0).length === 1) {
    const target = isPort && family === 6 ? `[${first}]` : first;
    return [{ rule: `${prefix}dnat ${ip} to ${target}${port}`, slots: [] }];
  }
  const map = `${isPort ? 'port' : 'vip'}-slots${family}-${shardOf(frontend.id)}`;
  const key = isPort ? 'meta l4proto . th dport' : `${ip} daddr`;
  const index =
    frontend.policy === 'source-hash'
      ? `jhash ${ip} saddr mod ${HASH_SLOTS} seed ${HASH_SEED}`
      : `numgen inc mod ${slots.length}`;
  const keys = isPort ? [`${frontend.protocol} . ${frontend.port}`] : addressesOf(frontend, family);
  const keyType = isPort ? 'inet_proto . inet_service' : type;
  return [
    {
      rule: `${prefix}dnat ${ip} to ${key} . ${index} map @${map}${port}`,
      slots: [
        {
          map,
          type: `${keyType} . integer : ${type}`,
          elements: keys.flatMap((own) =>
            slots.map((address, slot) => [`${own} . ${slot}`, address] as const),
          ),
        },
      ],
    },
  ];
}

function slotMap(name: string, parts: readonly Slots[]): NftMap {
  const elements = new Map<string, string>();
  for (const part of parts) for (const [key, address] of part.elements) elements.set(key, address);
  return { name, type: parts[0]?.type ?? '', elements };
}

function shardOf(id: string): string {
  return nftDigest(id).slice(-SHARD_DIGITS);
}
