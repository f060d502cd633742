/**
 * The `filters` query parameter: `{"name":["a"]}` or, from older clients, `{"name":{"a":true}}`.
 */
import { badRequest } from './errors.ts';

const FILTER_VALUES_MAX = 1_000;

export class Filters {
  private readonly valuesByKey: ReadonlyMap<string, readonly string[]>;

  constructor(valuesByKey: ReadonlyMap<string, readonly string[]>) {
    this.valuesByKey = valuesByKey;
  }

  has(key: string): boolean {
    return this.valuesByKey.has(key);
  }

  get(key: string): readonly string[] {
    return this.valuesByKey.get(key) ?? [];
  }

  /** Whether the key is not filtered on, or one of its values satisfies `predicate`. */
  admits(key: string, predicate: (wanted: string) => boolean): boolean {
    const wanted = this.valuesByKey.get(key);
    return wanted === undefined || wanted.length === 0 || wanted.some(predicate);
  }

  /** Values are `key` or `key=value`; all must hold. */
  admitsLabels(key: string, labels: Readonly<Record<string, string>> | undefined): boolean {
    return this.get(key).every((wanted) => {
      const [name, value] = splitPair(wanted);
      const actual = labels?.[name];
      return actual !== undefined && (value === undefined || actual === value);
    });
  }

  /** A filter that holds one of Docker's booleans; `undefined` when absent. */
  boolean(key: string): boolean | undefined {
    const values = this.valuesByKey.get(key);
    if (values === undefined || values.length === 0) return undefined;
    const isTrue = values.some((value) => ['1', 'true'].includes(value.toLowerCase()));
    const isFalse = values.some((value) => ['0', 'false'].includes(value.toLowerCase()));
    if (isTrue === isFalse) throw badRequest(`invalid filter '${key}=${values.join(',')}'`);
    return isTrue;
  }
}

function splitPair(text: string): [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** Reads `filters`; keys outside `accepted` are refused in Docker's words. Throws `ApiError`. */
export function parseFilters(query: URLSearchParams, accepted: readonly string[]): Filters {
  const text = query.get('filters');
  const valuesByKey = new Map<string, readonly string[]>();
  if (text === null || text === '') return new Filters(valuesByKey);
  for (const [key, values] of Object.entries(parseDocument(text))) {
    if (!accepted.includes(key)) throw badRequest(`invalid filter '${key.slice(0, 100)}'`);
    valuesByKey.set(key, filterValues(values));
  }
  return new Filters(valuesByKey);
}

function parseDocument(text: string): object {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw badRequest('invalid filter: not JSON', error);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw badRequest('invalid filter: a JSON object is expected');
  }
  return document;
}

function filterValues(values: unknown): readonly string[] {
  const listed: readonly unknown[] | undefined = Array.isArray(values)
    ? values
    : typeof values === 'object' && values !== null
      ? Object.keys(values)
      : undefined;
  if (listed === undefined || listed.length > FILTER_VALUES_MAX || !listed.every(isString)) {
    throw badRequest('invalid filter: values are a list of strings or a map of strings to true');
  }
  return listed;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}
