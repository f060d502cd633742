/**
 * The text that turns one nft table into another, as one transaction: only what differs is written.
 *
 * Order matters, because names must exist where they are used and may go only when nothing uses
 * them: new sets, maps and chains; chains that change are emptied; elements leave, elements come (a
 * verdict's chain exists by then, and one that goes still does); rules are filled in; emptied
 * chains, sets and maps go.
 */
import {
  nftDigest,
  nftRuleKey,
  type NftChain,
  type NftMap,
  type NftSet,
  type NftTableObject,
} from '../../dataplane/index.ts';
import { invalidArgument } from '../kernel-error.ts';

/** Elements per command; nft reads long lines slowly. */
const ELEMENTS_PER_COMMAND = 1000;
const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_.\-/]{0,127}$/;

/**
 * Renders the change from `was` (absent: unknown, the table is replaced) to `want` (absent: the
 * table is deleted). Empty when nothing differs. Throws `KernelError` with INVALID_ARGUMENT for
 * text that would leave its place.
 */
export function renderNft(
  was: NftTableObject | undefined,
  want: NftTableObject | undefined,
): string {
  if (want === undefined) return was === undefined ? '' : renderDelete(was);
  checkTable(want);
  if (was === undefined || hasOtherShape(was, want)) return renderDelete(want) + renderWhole(want);
  return renderDelta(was, want);
}

/**
 * Deleting what may be gone: nft has no "delete if there", but adding first makes sure that it is.
 */
function renderDelete(table: NftTableObject): string {
  const name = tableName(table);
  return `add table ${name}\ndelete table ${name}\n`;
}

function renderWhole(want: NftTableObject): string {
  const empty = { ...want, sets: [], maps: [], chains: [] };
  return `add table ${tableName(want)}\n${renderDelta(empty, want)}`;
}

function renderDelta(was: NftTableObject, want: NftTableObject): string {
  const table = tableName(want);
  const chains = compareChains(was.chains, want.chains);
  const lines = [
    ...added(was.sets, want.sets).map((set) => `add set ${table} ${set.name} ${setBody(set)}`),
    ...added(was.maps, want.maps).map((map) => `add map ${table} ${map.name} ${mapBody(map)}`),
    ...[...chains.changed, ...chains.replaced, ...added(want.chains, was.chains)].map(
      (chain) => `flush chain ${table} ${chain.name}`,
    ),
    ...chains.replaced.map((chain) => `delete chain ${table} ${chain.name}`),
    ...[...chains.replaced, ...added(was.chains, want.chains)].map(
      (chain) => `add chain ${table} ${chain.name}${chainBody(chain)}`,
    ),
    ...elementLines(table, was, want),
    ...[...chains.changed, ...chains.replaced, ...added(was.chains, want.chains)].flatMap((chain) =>
      chain.rules.map((rule) => ruleLine(table, chain, rule)),
    ),
    ...added(want.maps, was.maps).map((map) => `delete map ${table} ${map.name}`),
    ...added(want.sets, was.sets).map((set) => `delete set ${table} ${set.name}`),
    ...added(want.chains, was.chains).map((chain) => `delete chain ${table} ${chain.name}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** What `after` has by name and `before` has not. */
function added<Item extends { readonly name: string }>(
  before: readonly Item[],
  after: readonly Item[],
): Item[] {
  const names = new Set(before.map((item) => item.name));
  return after.filter((item) => !names.has(item.name));
}

/**
 * Chains of both sides that differ: in rules only, or in what they hook to, which nft cannot change
 * in place.
 */
function compareChains(
  was: readonly NftChain[],
  want: readonly NftChain[],
): { changed: NftChain[]; replaced: NftChain[] } {
  const before = new Map(was.map((chain) => [chain.name, chain]));
  const changed: NftChain[] = [];
  const replaced: NftChain[] = [];
  for (const chain of want) {
    const old = before.get(chain.name);
    if (old === undefined) continue;
    if (chainBody(old) !== chainBody(chain)) replaced.push(chain);
    else if (!hasSameRules(old, chain)) changed.push(chain);
  }
  return { changed, replaced };
}

function hasSameRules(one: NftChain, other: NftChain): boolean {
  return (
    one.rules.length === other.rules.length &&
    one.rules.every((rule, index) => nftRuleKey(rule) === nftRuleKey(other.rules[index] ?? ''))
  );
}

/**
 * Types and flags of sets and maps are fixed at creation; the rules that use them would have to go
 * first.
 */
function hasOtherShape(was: NftTableObject, want: NftTableObject): boolean {
  const bodies = new Map([
    ...was.sets.map((set) => [set.name, setBody(set)] as const),
    ...was.maps.map((map) => [map.name, mapBody(map)] as const),
  ]);
  const differs = (name: string, body: string): boolean => (bodies.get(name) ?? body) !== body;
  return (
    want.sets.some((set) => differs(set.name, setBody(set))) ||
    want.maps.some((map) => differs(map.name, mapBody(map)))
  );
}

function elementLines(table: string, was: NftTableObject, want: NftTableObject): string[] {
  const before = new Map([...was.sets, ...was.maps].map((item) => [item.name, elementsOf(item)]));
  const gone: string[] = [];
  const come: string[] = [];
  for (const item of [...want.sets, ...want.maps]) {
    const old = before.get(item.name) ?? new Map<string, string>();
    const now = elementsOf(item);
    const place = `element ${table} ${item.name}`;
    const removed = [...old].filter(([key, value]) => now.get(key) !== value).map(([key]) => key);
    const missing = [...now].filter(([key, value]) => old.get(key) !== value);
    const texts = missing.map(([key, value]) => (value === '' ? key : `${key} : ${value}`));
    gone.push(...inChunks(removed).map((chunk) => `delete ${place} { ${chunk} }`));
    come.push(...inChunks(texts).map((chunk) => `add ${place} { ${chunk} }`));
  }
  return [...gone, ...come];
}

/**
 * Key to value in canonical form; sets have empty values, and what packets put into a set is not
 * ours to compare.
 */
function elementsOf(item: NftSet | NftMap): Map<string, string> {
  const elements = new Map<string, string>();
  if ('dynamic' in item) return elements;
  for (const element of item.elements) {
    const [key, value] = typeof element === 'string' ? [element, ''] : element;
    elements.set(canonicalElement(key), canonicalElement(value));
  }
  return elements;
}

/**
 * The one spelling of an element: single spaces, decimal numbers. What is read from the kernel has
 * it already.
 */
export function canonicalElement(text: string): string {
  return text
    .trim()
    .split(/\s+/)
    .map((part) => (/^0x[0-9a-f]+$/i.test(part) ? String(Number(part)) : part))
    .join(' ');
}

function inChunks(texts: readonly string[]): string[] {
  const chunks: string[] = [];
  for (let at = 0; at < texts.length; at += ELEMENTS_PER_COMMAND)
    chunks.push(texts.slice(at, at + ELEMENTS_PER_COMMAND).join(', '));
  return chunks;
}

function setBody(set: NftSet): string {
  if (set.dynamic === undefined) return `{ type ${set.type}; ${intervalFlag(set.elements)}}`;
  const { timeoutSeconds, sizeMax } = set.dynamic;
  const timeout =
    timeoutSeconds > 0 ? `flags dynamic,timeout; timeout ${timeoutSeconds}s; ` : 'flags dynamic; ';
  return `{ type ${set.type}; ${timeout}size ${sizeMax}; }`;
}

function mapBody(map: NftMap): string {
  return `{ type ${map.type}; ${intervalFlag([...map.elements.keys()])}}`;
}

/** Prefixes and ranges need a set that knows intervals. */
function intervalFlag(elements: readonly string[]): string {
  return elements.some((element) => /[/-]/.test(element)) ? 'flags interval; ' : '';
}

function chainBody(chain: NftChain): string {
  if (chain.base === undefined) return '';
  const { type, hook, priority, policy } = chain.base;
  // nft does not list the device, so there is only one that it can be.
  const place = hook === 'ingress' ? 'ingress device "lo"' : hook;
  return ` { type ${type} hook ${place} priority ${priority}; policy ${policy}; }`;
}

function ruleLine(table: string, chain: NftChain, rule: string): string {
  return `add rule ${table} ${chain.name} ${rule} comment "${nftDigest(rule)}"`;
}

function tableName(table: NftTableObject): string {
  return `${table.family} ${table.name}`;
}

function checkTable(table: NftTableObject): void {
  const names = [table, ...table.sets, ...table.maps, ...table.chains].map((item) => item.name);
  for (const name of names) if (!NAME_PATTERN.test(name)) throw invalidArgument('nft name', name);
  for (const item of [...table.sets, ...table.maps]) checkTexts([item.type, ...flatElements(item)]);
  for (const chain of table.chains) {
    // A rule may hold braces and semicolons of its own; a new line or a comment would leave it.
    for (const rule of chain.rules)
      if (/[\n\r#]/.test(rule)) throw invalidArgument('nft rule', rule);
  }
}

function flatElements(item: NftSet | NftMap): string[] {
  return [...item.elements].flatMap((element) => element);
}

function checkTexts(texts: readonly string[]): void {
  for (const text of texts)
    if (/[\n\r{};#,]/.test(text)) throw invalidArgument('nft element', text);
}
