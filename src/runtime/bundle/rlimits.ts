/** Ulimits by Docker's names. */
import { invalid } from '../errors.ts';

const NAMES = new Set([
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]);

/**
 * RLIM_INFINITY, rounded up to what JSON carries exactly; Go reads it back as the largest uint64.
 */
const INFINITY_TEXT = 18446744073709551615n;

export interface Ulimit {
  readonly name: string;
  /** -1: no limit. */
  readonly soft: number;
  readonly hard: number;
}

export interface Rlimit {
  readonly type: string;
  readonly soft: number | bigint;
  readonly hard: number | bigint;
}

/** Throws `invalid`. */
export function resolveRlimits(ulimits: readonly Ulimit[]): readonly Rlimit[] {
  return ulimits.map(({ name, soft, hard }) => {
    if (!NAMES.has(name)) throw invalid('ulimits', name, `invalid ulimit type: ${name}`);
    if (hard !== -1 && (soft > hard || soft === -1)) {
      throw invalid(
        'ulimits',
        name,
        `ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`,
      );
    }
    return { type: `RLIMIT_${name.toUpperCase()}`, soft: limitOf(soft), hard: limitOf(hard) };
  });
}

function limitOf(value: number): number | bigint {
  return value === -1 ? INFINITY_TEXT : value;
}

/**
 * JSON in which bigints are plain numbers. The marker is one that occurs nowhere else in the text.
 */
export function stringifyConfig(config: unknown): string {
  const plain = JSON.stringify(config, (_, value: unknown) =>
    typeof value === 'bigint' ? 0 : value,
  );
  let marker = '#';
  while (plain.includes(marker)) marker += '#';
  const marked = JSON.stringify(config, (_, value: unknown) =>
    typeof value === 'bigint' ? `${marker}${value}` : value,
  );
  return marked.replaceAll(new RegExp(`"${marker}(\\d+)"`, 'g'), '$1');
}
