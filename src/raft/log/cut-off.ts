import { entryBytes, type Entry } from '../types.ts';

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Items of `[from, to)`, cut off after `bytesMax` but never before the first one. */
export function cutOff(list: readonly Entry[], { from, to }: Range, bytesMax: number): Entry[] {
  let bytes = 0;
  let end = from;
  for (; end < Math.min(to, list.length); end += 1) {
    bytes += entryBytes(list[end] as Entry);
    if (end > from && bytes > bytesMax) break;
  }
  return list.slice(from, end);
}
