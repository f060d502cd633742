/** A difference between the kernel and the plan in a few words, for logs. */
import { nftRuleKey } from '../nft-digest.ts';
import type {
  KernelObject,
  NftChain,
  NftMap,
  NftSet,
  NftTableObject,
  ObjectKey,
} from '../objects.ts';

/** Parts of a table that are named; beyond it they are counted. */
const PARTS_MAX = 4;
const TEXT_MAX = 300;

/**
 * What was found in place of what is wanted: `fdb/vx0/02:42:0a:00:00:05/self is gone`,
 * `link/br0: mtu 1400 instead of 1450`. `key` names the thing; one of the two is there.
 */
export function describeDrift(
  key: ObjectKey,
  found: KernelObject | undefined,
  wanted: KernelObject | undefined,
): string {
  return describe(key, found, wanted).slice(0, TEXT_MAX);
}

function describe(
  key: ObjectKey,
  found: KernelObject | undefined,
  wanted: KernelObject | undefined,
): string {
  if (found === undefined) return `${key} is gone`;
  if (wanted === undefined) return `${key} should not be there`;
  const parts =
    found.kind === 'nft-table' && wanted.kind === 'nft-table'
      ? tableParts(found, wanted)
      : fieldParts(found, wanted);
  const rest = parts.length - PARTS_MAX;
  const named = parts.slice(0, PARTS_MAX).join(', ');
  return `${key}: ${named}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** Fields that the plan leaves open are not compared. */
function fieldParts(found: object, wanted: object, prefix = ''): string[] {
  const parts: string[] = [];
  const is = found as Readonly<Record<string, unknown>>;
  for (const [name, want] of Object.entries(wanted)) {
    const have = is[name];
    if (have === want) continue;
    if (isRecord(want) && isRecord(have)) parts.push(...fieldParts(have, want, `${name}.`));
    else parts.push(`${prefix}${name} ${text(have)} instead of ${text(want)}`);
  }
  // A master is wanted or not; other fields are open when they are not named.
  if ('master' in found && !('master' in wanted)) parts.push(`master ${text(is['master'])}`);
  return parts;
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined ? 'none' : JSON.stringify(value);
}

function tableParts(found: NftTableObject, wanted: NftTableObject): string[] {
  return [
    ...byName('chain', { found: found.chains, wanted: wanted.chains }, chainParts),
    ...byName('set', { found: found.sets, wanted: wanted.sets }, setParts),
    ...byName('map', { found: found.maps, wanted: wanted.maps }, mapParts),
  ];
}

interface Both<Item> {
  readonly found: readonly Item[];
  readonly wanted: readonly Item[];
}

function byName<Item extends { readonly name: string }>(
  kind: string,
  { found, wanted }: Both<Item>,
  compare: (is: Item, want: Item) => string[],
): string[] {
  const wantedNames = new Set(wanted.map((item) => item.name));
  const held = new Map(found.map((item) => [item.name, item]));
  const extra = found.filter((item) => !wantedNames.has(item.name));
  return [
    ...extra.map((item) => `${kind} ${item.name} should not be there`),
    ...wanted.flatMap((want) => {
      const is = held.get(want.name);
      if (is === undefined) return [`${kind} ${want.name} is gone`];
      return compare(is, want).map((part) => `${kind} ${want.name} ${part}`);
    }),
  ];
}

function chainParts(found: NftChain, wanted: NftChain): string[] {
  const parts: string[] = [];
  if (!isSameBase(found.base, wanted.base)) parts.push('hooks elsewhere');
  const is = found.rules.map(nftRuleKey);
  const want = wanted.rules.map(nftRuleKey);
  const lost = want.filter((rule) => !is.includes(rule)).length;
  const foreign = is.filter((rule) => !want.includes(rule)).length;
  if (lost > 0) parts.push(`has lost ${lost} of ${want.length} rules`);
  if (foreign > 0) parts.push(`has ${foreign} rules of others`);
  if (parts.length === 0 && is.join() !== want.join()) parts.push('has its rules in another order');
  return parts;
}

function isSameBase(found: NftChain['base'], wanted: NftChain['base']): boolean {
  if (found === undefined || wanted === undefined) return found === wanted;
  return fieldParts(found, wanted).length === 0;
}

function setParts(found: NftSet, wanted: NftSet): string[] {
  if (found.type !== wanted.type) return [`is of type ${found.type}`];
  return elementParts(new Set(found.elements), new Set(wanted.elements));
}

function mapParts(found: NftMap, wanted: NftMap): string[] {
  if (found.type !== wanted.type) return [`is of type ${found.type}`];
  const pairs = ({ elements }: NftMap): Set<string> =>
    new Set([...elements].map(([key, value]) => `${key} : ${value}`));
  return elementParts(pairs(found), pairs(wanted));
}

function elementParts(found: ReadonlySet<string>, wanted: ReadonlySet<string>): string[] {
  const lost = [...wanted].filter((element) => !found.has(element));
  const extra = [...found].filter((element) => !wanted.has(element));
  return [
    ...(lost.length > 0 ? [`has lost ${counted(lost)}`] : []),
    ...(extra.length > 0 ? [`has ${counted(extra)} too much`] : []),
  ];
}

function counted([first = '', ...rest]: readonly string[]): string {
  return rest.length === 0 ? `{ ${first} }` : `{ ${first} } and ${rest.length} more elements`;
}
