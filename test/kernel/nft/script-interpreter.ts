/**
 * A small nft: carries out the commands that `renderNft` writes and refuses, as the kernel does,
 * what names something that is not there, adds what is, or deletes what is in use.
 */
import { nftDigest, type NftTableObject } from '../../../src/dataplane/index.ts';

interface Chain {
  readonly body: string;
  readonly rules: string[];
}

interface Place {
  readonly kind: 'set' | 'map';
  readonly body: string;
  readonly elements: Map<string, string>;
}

export interface Table {
  readonly chains: Map<string, Chain>;
  readonly places: Map<string, Place>;
}

export class ScriptError extends Error {}

/**
 * The tables after the script, by `<family> <name>`; throws `ScriptError` and leaves `before` as it
 * is.
 */
export function interpret(before: ReadonlyMap<string, Table>, script: string): Map<string, Table> {
  const tables = structuredClone(before) as Map<string, Table>;
  for (const line of script.split('\n').filter((text) => text !== '')) runLine(tables, line);
  return tables;
}

function runLine(tables: Map<string, Table>, line: string): void {
  const words = line.split(' ');
  const [verb, kind, family, name] = words as [string, string, string, string];
  const key = `${family} ${name}`;
  if (kind === 'table') {
    if (verb === 'add') {
      if (!tables.has(key)) tables.set(key, { chains: new Map(), places: new Map() });
    } else if (!tables.delete(key)) throw new ScriptError(`no table: ${line}`);
    return;
  }
  const table = need(tables, key, line);
  const rest = words.slice(5).join(' ');
  const target = words[4] as string;
  if (kind === 'chain') runChain(table, { verb, target, rest, line });
  else if (kind === 'rule') addRule(table, { verb, target, rest, line });
  else if (kind === 'element') runElements(table, { verb, target, rest, line });
  else runPlace(table, kind as Place['kind'], { verb, target, rest, line });
}

interface Command {
  readonly verb: string;
  readonly target: string;
  readonly rest: string;
  readonly line: string;
}

function runChain(table: Table, { verb, target, rest, line }: Command): void {
  if (verb === 'add') {
    if (table.chains.has(target)) throw new ScriptError(`chain is there: ${line}`);
    table.chains.set(target, { body: rest, rules: [] });
    return;
  }
  const chain = need(table.chains, target, line);
  if (verb === 'flush') {
    chain.rules.length = 0;
    return;
  }
  if (chain.rules.length > 0) throw new ScriptError(`chain has rules: ${line}`);
  if (references(table).includes(`goto ${target}`)) throw new ScriptError(`in use: ${line}`);
  table.chains.delete(target);
}

function addRule(table: Table, { target, rest, line }: Command): void {
  const match = /^(.*) comment "([0-9a-f]{16})"$/.exec(rest);
  if (match?.[2] !== nftDigest(match?.[1] ?? '')) throw new ScriptError(`no digest: ${line}`);
  checkReferences(table, match[1] as string, line);
  need(table.chains, target, line).rules.push(match[1] as string);
}

function runElements(table: Table, { verb, target, rest, line }: Command): void {
  const { elements } = need(table.places, target, line);
  for (const element of rest.slice(2, -2).split(', ')) {
    const [key, value = ''] = element.split(' : ') as [string, string?];
    if (verb === 'delete') {
      if (!elements.delete(key)) throw new ScriptError(`no element ${key}: ${line}`);
    } else {
      if (elements.has(key)) throw new ScriptError(`element is there: ${line}`);
      checkReferences(table, value, line);
      elements.set(key, value);
    }
  }
}

function runPlace(table: Table, kind: Place['kind'], command: Command): void {
  const { verb, target, rest, line } = command;
  if (verb === 'add') {
    if (table.places.has(target)) throw new ScriptError(`place is there: ${line}`);
    table.places.set(target, { kind, body: rest, elements: new Map() });
    return;
  }
  if (need(table.places, target, line).kind !== kind) throw new ScriptError(`other kind: ${line}`);
  if (references(table).includes(`@${target}`)) throw new ScriptError(`in use: ${line}`);
  table.places.delete(target);
}

/** `goto x` and `@x` of everything in the table. */
function references(table: Table): string[] {
  const texts = [...table.chains.values()].flatMap((chain) => chain.rules);
  for (const place of table.places.values()) texts.push(...place.elements.values());
  return texts.flatMap(referencesIn);
}

function referencesIn(text: string): string[] {
  return [...text.matchAll(/goto [\w-]+|@[\w-]+/g)].map(([match]) => match);
}

function checkReferences(table: Table, text: string, line: string): void {
  for (const reference of referencesIn(text)) {
    if (reference.startsWith('@')) need(table.places, reference.slice(1), line);
    else need(table.chains, reference.slice('goto '.length), line);
  }
}

function need<Value>(map: ReadonlyMap<string, Value>, key: string, line: string): Value {
  const value = map.get(key);
  if (value === undefined) throw new ScriptError(`no ${key}: ${line}`);
  return value;
}

/** The interpreter's table as an object, for comparison; set types are left as their bodies. */
export function contentsOf(table: Table | undefined): unknown {
  if (table === undefined) return undefined;
  return {
    chains: sorted([...table.chains].map(([name, { body, rules }]) => ({ name, body, rules }))),
    places: sorted(
      [...table.places].map(([name, { kind, body, elements }]) => ({
        name,
        kind,
        body,
        elements: [...elements].map(([key, value]) => `${key} : ${value}`).sort(),
      })),
    ),
  };
}

function sorted<Item extends { readonly name: string }>(items: Item[]): Item[] {
  return items.sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** What the kernel would give back of a wanted table: rules as digests. */
export function asObserved(table: NftTableObject): NftTableObject {
  return {
    ...table,
    chains: table.chains.map((chain) => ({
      ...chain,
      rules: chain.rules.map((rule) => `#${nftDigest(rule)}`),
    })),
  };
}
