/**
 * model: the nouns. Specs as operators write them, objects as the store holds them, rows as nodes
 * see them.
 *
 * Types are plain, immutable, JSON-safe data without behaviour. Validation (`validate/`) turns
 * untrusted documents into specs and names the field and the rule when it refuses. Never decides,
 * allocates or stores anything. Start with `specs.ts` (the Engine API's documents), then
 * `objects.ts` (what the cluster makes of them), then `view.ts`.
 */
export * from './ids.ts';
export * from './specs.ts';
export * from './objects.ts';
export * from './view.ts';
export * from './names.ts';
export * from './constraints.ts';
export * from './validate/index.ts';
