import { z } from 'zod';
import { invalid } from './spec-error.ts';

/** Nesting that no document of the Engine API comes near. */
const DEPTH_MAX = 32;
/** Entries of one list or map; more is an attack or a mistake. */
export const ENTRIES_MAX = 10_000;

/**
 * Reads an untrusted document against a schema: null is absent, as for Go's decoder; fields that
 * the schema does not know are dropped; the first thing that does not fit is refused by name.
 * Throws `SpecError`.
 */
export function readDocument<Schema extends z.ZodType>(
  schema: Schema,
  json: unknown,
): z.output<Schema> {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw invalid('', 'the document must be a JSON object');
  const result = schema.safeParse(withoutNulls(json, 0));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw invalid(fieldOf(issue?.path ?? []), issue?.message ?? 'invalid document');
}

export const text = z.string().max(65_536);
export const texts = z.array(text).max(ENTRIES_MAX);
export const labels = z.record(text, text).refine(isSmall, 'too many entries');
export const count = z.int().min(0);
/** Nanoseconds; each field has its own words for what is negative. */
export const duration = z.int();

function isSmall(map: object): boolean {
  return Object.keys(map).length <= ENTRIES_MAX;
}

function withoutNulls(value: unknown, depth: number): unknown {
  if (depth > DEPTH_MAX) throw invalid('', `the document is nested deeper than ${DEPTH_MAX}`);
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([, field]) => field !== null && field !== undefined)
    .map(([key, field]) => [key, withoutNulls(field, depth + 1)] as const);
  return Object.fromEntries(entries);
}

/** `Ports[0].TargetPort` */
function fieldOf(path: readonly PropertyKey[]): string {
  let field = '';
  for (const step of path) {
    if (typeof step === 'number') field += `[${step}]`;
    else field += field === '' ? String(step) : `.${String(step)}`;
  }
  return field;
}
