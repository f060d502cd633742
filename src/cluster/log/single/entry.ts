import type { Brand } from '../../../base/index.ts';

/** An election's number. 1 while a cluster has one voter. */
export type Term = Brand<number, 'Term'>;

/** An entry's place in the log, from 1 without gaps. */
export type LogIndex = Brand<number, 'LogIndex'>;

/** One proposal as the log keeps it. */
export interface LogEntry {
  readonly term: Term;
  readonly index: LogIndex;
  readonly data: Buffer;
}
