/**
 * A row, its name, and which of two versions wins.
 *
 * The owner is part of a row's name: two nodes that use one key have two rows, so every row has one
 * writer, and only versions of one owner are ever compared.
 */
import type { Brand } from '../../../base/index.ts';
import type { NetworkId, NodeId } from '../../../model/index.ts';
import { NAME_BYTES_MAX } from '../limits.ts';

/**
 * The owner's Lamport time: grows with each of its writes, over all networks. 0 is before the
 * first; at most `TIME_MAX`.
 */
export type LamportTime = Brand<number, 'LamportTime'>;

/** What a row is about; 0 to 255. The tables give it no meaning. */
export type RowKind = Brand<number, 'RowKind'>;

export const NO_TIME = 0 as LamportTime;
/** Leaves room for a million writes a second over eight years. */
export const TIME_MAX = (2 ** 48 - 1) as LamportTime;

export interface RowName {
  readonly networkId: NetworkId;
  readonly owner: NodeId;
  readonly kind: RowKind;
  readonly key: string;
}

/** A version of a row, as it travels. */
export interface Row {
  readonly kind: RowKind;
  readonly key: string;
  readonly time: LamportTime;
  /** `undefined` for a tombstone. Opaque; not written to by anyone. */
  readonly value: Uint8Array | undefined;
}

/** The row's name among those of its owner in a network. */
export function nameInOwner({ kind, key }: Pick<Row, 'kind' | 'key'>): string {
  return `${kind}/${key}`;
}

/**
 * Whether `a` replaces `b`: a total order over versions, so merging is commutative, associative and
 * idempotent. Later times win. Equal times with different contents happen only when an owner came
 * back without memory of its clock; the order beyond the time is arbitrary but everywhere the same.
 */
export function isNewer(a: Row, b: Row): boolean {
  if (a.time !== b.time) return a.time > b.time;
  if (a.value === undefined || b.value === undefined)
    return a.value === undefined && b.value !== undefined;
  return compareBytes(a.value, b.value) > 0;
}

/** Whether two values, or the absence of them, are the same. */
export function isSameValue(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return compareBytes(a, b) === 0;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const difference = (a[at] as number) - (b[at] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Whether a text can be an id or a key: 1 to `NAME_BYTES_MAX` printable ASCII characters. */
export function isName(text: string): boolean {
  return text.length <= NAME_BYTES_MAX && /^[!-~]+$/.test(text);
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a over everything in the row; a u32. Sums of it tell tables apart, no more. */
export function hashOf({ kind, key, time, value }: Row): number {
  let hash = step(FNV_OFFSET, kind);
  for (let at = 0; at < key.length; at += 1) hash = step(hash, key.charCodeAt(at));
  for (let rest: number = time; rest > 0; rest = Math.floor(rest / 256))
    hash = step(hash, rest % 256);
  for (const byte of value ?? []) hash = step(hash, byte);
  return hash >>> 0;
}

function step(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, FNV_PRIME);
}
