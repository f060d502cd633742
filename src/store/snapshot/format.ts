/**
 * snapshot: the whole state as bytes, and back.
 *
 * Lines of JSON in UTF-8, each ended by a line feed, each small enough to be written or read
 * without holding up anybody:
 *
 *   {"kind":"head","format":"hawser-store","version":2,"revision":n}
 *   {"kind":"cluster","rows":[…]}    a line for so many rows as are about `LINE_CHARS` long;
 *   {"kind":"nodes","rows":[…]}      kinds in the order of `KINDS`, none for a kind without rows
 *   {"kind":"networks","rows":[…]}
 *   {"kind":"services","rows":[…]}
 *   {"kind":"tasks","specs":[…],"rows":[…]}
 *   {"kind":"pools","rows":[["vni",n],["node-index",n],["tcp",n],["udp",n],["sctp",n]]}
 *   {"kind":"addresses","rows":[["<network>",["<address>",…]],…]}
 *   {"kind":"end","lines":n}         how many lines are before it
 *
 * Of the allocators only what the tables do not say: where each search goes on. A task's `spec` is
 * a number: of the services' templates in their order, followed by the `specs` of the lines so far,
 * because the tasks of a service share theirs. Equal states give equal bytes. Damage is the
 * storage's to find.
 *
 * The upgrade rule: fields of rows that a release does not know stay with the row, and lines of
 * kinds that it does not know are passed over, so that a later release may add what an earlier one
 * can do without. Anything else raises the version, which is refused by name. Version 1 was one
 * JSON document in one line.
 */
import { CodedError } from '../../base/index.ts';
import type { Protocol } from '../../model/index.ts';

export const FORMAT = 'hawser-store';
export const VERSION = 2;

/** Kinds of lines between head and end. */
export const KINDS = [
  'cluster',
  'nodes',
  'networks',
  'services',
  'tasks',
  'pools',
  'addresses',
] as const;

export type Kind = (typeof KINDS)[number];

/** Protocols whose ports have a pool, under their own names. */
export const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp'];

/** The bytes are not a snapshot that this release reads. */
export type SnapshotErrorDetail =
  | {
      readonly code: 'snapshot-malformed';
      /** From 1. */
      readonly line: number;
    }
  | { readonly code: 'snapshot-version'; readonly found: unknown; readonly readable: number };

export class SnapshotError extends CodedError<SnapshotErrorDetail> {}

/** Refuses what is read; whoever reads adds where that was. */
export function demand(condition: boolean, statement: string): asserts condition {
  if (!condition) throw new Error(`it must be that ${statement}`);
}
