import type { MemberHash } from '../wire/messages.ts';

/** FNV-1a over the characters, then `mix`. On the wire: never changes. */
export function hashOf(id: string): MemberHash {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1)
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  return mix(hash) as MemberHash;
}

/** Every bit of the result depends on every bit of `value` (MurmurHash3's finalizer). */
export function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
