export * from './commands.ts';
export type { Store } from './store.ts';
