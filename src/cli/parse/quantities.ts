/** Durations, sizes and counts as docker's flags write them. */
import type { Nanoseconds } from '../../model/index.ts';
import { usageError } from '../errors.ts';

const UNIT_NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const DURATION = /^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/;

/** Parses Go's notation: `10s`, `1m30s`, `500ms`. */
export function parseDuration(flag: string, text: string): Nanoseconds {
  if (text === '0') return 0;
  if (!DURATION.test(text)) {
    throw usageError(flag, `"${text}" is not a duration: write for example 10s or 1m30s`);
  }
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g);
  const total = [...parts].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (UNIT_NANOSECONDS[unit ?? ''] ?? 0),
    0,
  );
  return Math.round(total);
}

const SIZE = /^(?<amount>\d+(\.\d+)?) ?(?<unit>[kmgtp])?i?b?$/i;

/** Parses `512m`, `1GB`, `65536`: powers of 1024, as docker reads memory. */
export function parseBytes(flag: string, text: string): number {
  const groups = SIZE.exec(text)?.groups;
  if (groups === undefined) {
    throw usageError(flag, `"${text}" is not a size: write for example 64m or 1g`);
  }
  const power = ' kmgtp'.indexOf((groups['unit'] ?? ' ').toLowerCase());
  return Math.floor(Number(groups['amount']) * 1024 ** power);
}

/** Parses CPUs such as `0.5` into billionths. */
export function parseNanoCpus(flag: string, text: string): number {
  if (!/^\d+(\.\d{1,9})?$/.test(text)) {
    throw usageError(flag, `"${text}" is not a number of CPUs: write for example 0.5`);
  }
  return Math.round(Number(text) * 1e9);
}

export function parseCount(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw usageError(flag, `"${text}" is not a whole number`);
  return Number(text);
}

export function parseRatio(flag: string, text: string): number {
  const ratio = Number(text);
  if (text !== '' && ratio >= 0 && ratio <= 1) return ratio;
  throw usageError(flag, `"${text}" is not a ratio from 0 to 1`);
}
