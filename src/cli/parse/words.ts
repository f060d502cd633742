/** Lists of `key=value`, comma-separated fields, filters, and one of a few words. */
import type { Labels } from '../../model/index.ts';
import { usageError } from '../errors.ts';

/** `a=1`, `b` → `{a: '1', b: ''}`. */
export function parseLabels(flag: string, pairs: readonly string[]): Labels {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [key = '', ...value] = pair.split('=');
      if (key === '') throw usageError(flag, `"${pair}" has no key: write key=value`);
      return [key, value.join('=')];
    }),
  );
}

/** `A=1` stays; a bare `A` takes its value from the caller's environment, as docker does. */
export function parseEnv(
  pairs: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  return pairs.flatMap((pair) => {
    if (pair.includes('=')) return pair;
    const value = environment[pair];
    return value === undefined ? [] : `${pair}=${value}`;
  });
}

/** `published=80,target=8080` → fields; a bare word is a switch that is on. */
export function parseFields(flag: string, text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const part of text.split(',')) {
    const [key = '', ...value] = part.split('=');
    if (key === '') throw usageError(flag, `"${text}" has an empty field`);
    fields.set(key.trim().toLowerCase(), part.includes('=') ? value.join('=') : 'true');
  }
  return fields;
}

/** The API's `filters` parameter of repeated `--filter key=value`; absent when there is none. */
export function filterQuery(filters: readonly string[]): { filters?: string } {
  if (filters.length === 0) return {};
  const query: Record<string, Record<string, boolean>> = {};
  for (const filter of filters) {
    const at = filter.indexOf('=');
    if (at < 1) throw usageError('--filter', `"${filter}" is no filter: write key=value`);
    (query[filter.slice(0, at).trim()] ??= {})[filter.slice(at + 1).trim()] = true;
  }
  return { filters: JSON.stringify(query) };
}

export function parseOneOf<Word extends string>(
  flag: string,
  text: string,
  words: readonly Word[],
): Word {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw usageError(flag, `"${text}" is not one of ${words.join(', ')}`);
}

/** Docker's own completion of a reference: a name without tag or digest means `latest`. */
export function withTag(reference: string): string {
  const lastPart = reference.slice(reference.lastIndexOf('/') + 1);
  return lastPart.includes(':') || reference.includes('@') ? reference : `${reference}:latest`;
}
