/**
 * Reads `nft -j list` back into tables. Rules become `#<digest>` from their comments
 * (`NFT_FOREIGN_RULE` without one), elements their canonical text. Tables that are not ours, and
 * objects of kinds we do not write, are left out.
 */
import {
  NFT_FOREIGN_RULE,
  type NftChain,
  type NftMap,
  type NftSet,
  type NftTableObject,
} from '../../dataplane/index.ts';
import { KernelError } from '../kernel-error.ts';

type Json = Readonly<Record<string, unknown>>;
type Chain = { -readonly [Field in keyof NftChain]: NftChain[Field] } & { rules: string[] };

interface Draft {
  readonly family: NftTableObject['family'];
  readonly name: string;
  readonly sets: NftSet[];
  readonly maps: NftMap[];
  readonly chains: Map<string, Chain>;
}

const FAMILIES: readonly string[] = ['inet', 'ip', 'ip6', 'bridge'];
const TABLE_PREFIX = 'hawser';
const DIGEST_PATTERN = /^[0-9a-f]{16}$/;

/** Throws `KernelError` with code NFT when the document has another form than nft's. */
export function parseNft(document: unknown): NftTableObject[] {
  const items = asObject(document)['nftables'];
  if (!Array.isArray(items)) throw badDocument('no nftables array');
  const drafts = new Map<string, Draft>();
  for (const item of items) readItem(drafts, asObject(item));
  return [...drafts.values()].map((draft) => ({
    kind: 'nft-table',
    family: draft.family,
    name: draft.name,
    sets: draft.sets,
    maps: draft.maps,
    chains: [...draft.chains.values()],
  }));
}

/** Names of the tables of ours in `nft -j list tables`. */
export function parseNftTableNames(document: unknown): { family: string; name: string }[] {
  return parseNft(document).map(({ family, name }) => ({ family, name }));
}

function readItem(drafts: Map<string, Draft>, item: Json): void {
  if ('table' in item) {
    readTable(drafts, asObject(item['table']));
    return;
  }
  for (const kind of ['set', 'map', 'chain', 'rule'] as const) {
    if (!(kind in item)) continue;
    const body = asObject(item[kind]);
    const draft = drafts.get(`${text(body, 'family')} ${text(body, 'table')}`);
    if (draft !== undefined) READERS[kind](draft, body);
  }
}

function readTable(drafts: Map<string, Draft>, table: Json): void {
  const family = text(table, 'family');
  const name = text(table, 'name');
  if (!FAMILIES.includes(family) || !name.startsWith(TABLE_PREFIX)) return;
  drafts.set(`${family} ${name}`, {
    family: family as NftTableObject['family'],
    name,
    sets: [],
    maps: [],
    chains: new Map(),
  });
}

const READERS = {
  set: (draft: Draft, set: Json): void => {
    // nft 1.0.6 does not print the flag `dynamic`; of ours only dynamic sets have a size.
    const isDynamic = 'size' in set;
    draft.sets.push({
      name: text(set, 'name'),
      type: typeText(set['type']),
      ...(isDynamic
        ? { dynamic: { timeoutSeconds: number(set['timeout']), sizeMax: number(set['size']) } }
        : {}),
      elements: isDynamic ? [] : asList(set['elem']).map(elementText),
    });
  },
  map: (draft: Draft, map: Json): void => {
    const pairs = asList(map['elem']).map((pair) => {
      const [key, value] = asList(pair);
      return [elementText(key), elementText(value)] as const;
    });
    draft.maps.push({
      name: text(map, 'name'),
      type: `${typeText(map['type'])} : ${typeText(map['map'])}`,
      elements: new Map(pairs),
    });
  },
  chain: (draft: Draft, chain: Json): void => {
    const name = text(chain, 'name');
    const base = 'hook' in chain ? { base: readBase(chain) } : {};
    draft.chains.set(name, { name, ...base, rules: [] });
  },
  rule: (draft: Draft, rule: Json): void => {
    const comment = rule['comment'];
    const isOurs = typeof comment === 'string' && DIGEST_PATTERN.test(comment);
    draft.chains.get(text(rule, 'chain'))?.rules.push(isOurs ? `#${comment}` : NFT_FOREIGN_RULE);
  },
};

function readBase(chain: Json): NonNullable<NftChain['base']> {
  return {
    type: text(chain, 'type') as 'filter',
    hook: text(chain, 'hook') as 'input',
    priority: number(chain['prio']),
    policy: (chain['policy'] ?? 'accept') as 'accept',
  };
}

/** `"ipv4_addr"` or `["ipv4_addr", "inet_service"]`. */
function typeText(type: unknown): string {
  return Array.isArray(type) ? type.map(String).join(' . ') : String(type);
}

const VERDICTS_WITH_TARGET = ['goto', 'jump'] as const;

/** An element, a map's value or a verdict, as `canonicalElement` would have it. */
function elementText(element: unknown): string {
  if (typeof element === 'string' || typeof element === 'number') return String(element);
  const body = asObject(element);
  if ('concat' in body) return asList(body['concat']).map(elementText).join(' . ');
  if ('elem' in body) return elementText(asObject(body['elem'])['val']);
  if ('range' in body) return asList(body['range']).map(elementText).join('-');
  if ('prefix' in body) {
    const prefix = asObject(body['prefix']);
    return `${text(prefix, 'addr')}/${number(prefix['len'])}`;
  }
  for (const verdict of VERDICTS_WITH_TARGET)
    if (verdict in body) return `${verdict} ${text(asObject(body[verdict]), 'target')}`;
  const [word] = Object.keys(body);
  if (word === undefined) throw badDocument('an empty element');
  return word;
}

function asObject(value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badDocument('something that is no object where nft has one');
  return value as Json;
}

/** A list; absent is empty, and nft prints a list of one as the one. */
function asList(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function text(body: Json, field: string): string {
  const value = body[field];
  if (typeof value !== 'string') throw badDocument(`no ${field}`);
  return value;
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function badDocument(reason: string): KernelError {
  return new KernelError({ code: 'NFT', text: reason }, `nft printed ${reason}`);
}
