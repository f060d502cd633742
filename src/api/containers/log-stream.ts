/** Log lines as Docker sends them: multiplexed or raw, with timestamps and details in front. */
import { messageOf } from '../../base/index.ts';
import { badRequest } from '../http/errors.ts';
import type { Exchange, Reply } from '../http/exchange.ts';
import { WRITTEN, flag } from '../http/exchange.ts';
import { startStream, writeOrWait } from '../http/reply.ts';
import { stdcopyFrame, streamType } from '../http/stdcopy.ts';

export interface LogOptions {
  readonly wantStdout: boolean;
  readonly wantStderr: boolean;
  readonly isFollowing: boolean;
  readonly hasTimestamps: boolean;
  readonly tailLines?: number;
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

/** The query of a logs request. Throws `ApiError`. */
export function logOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const wantStdout = flag(query, 'stdout');
  const wantStderr = flag(query, 'stderr');
  if (!wantStdout && !wantStderr) {
    throw badRequest('Bad parameters: you must choose at least one stream');
  }
  const tail = query.get('tail') ?? 'all';
  const since = parseTime(query.get('since'), nowMs);
  const until = parseTime(query.get('until'), nowMs);
  return {
    wantStdout,
    wantStderr,
    isFollowing: flag(query, 'follow'),
    hasTimestamps: flag(query, 'timestamps'),
    // As in Docker, whatever is no number means all.
    ...(/^[0-9]{1,9}$/.test(tail) ? { tailLines: Number(tail) } : {}),
    ...(since === undefined ? {} : { sinceMs: since }),
    ...(until === undefined ? {} : { untilMs: until }),
  };
}

/** Seconds since the epoch (`1700000000.5`), an RFC 3339 time, or a duration before now (`10m`). */
export function parseTime(text: string | null, nowMs: number): number | undefined {
  if (text === null || text === '' || text === '0') return undefined;
  if (/^[0-9]+(\.[0-9]+)?$/.test(text)) return Number(text) * 1000;
  const duration = /^(?:([0-9.]+)h)?(?:([0-9.]+)m)?(?:([0-9.]+)s)?$/.exec(text);
  if (duration) {
    const [hours = 0, minutes = 0, seconds = 0] = [1, 2, 3].map((at) => Number(duration[at] ?? 0));
    return nowMs - (hours * 3600 + minutes * 60 + seconds) * 1000;
  }
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw badRequest(`invalid time "${text.slice(0, 100)}"`);
  return ms;
}

/**
 * `key=value` pairs, sorted and joined by commas, each part query-escaped: what `docker service
 * logs` takes apart.
 */
export function logDetails(details: Readonly<Record<string, string>>): string {
  return Object.keys(details)
    .sort()
    .map((key) => `${encodeURIComponent(key)}=${encodeURIComponent(details[key] ?? '')}`)
    .join(',');
}

interface Line {
  readonly stream: 'stdout' | 'stderr';
  readonly time: string;
  readonly line: Buffer;
}

export interface LogFormat<Entry extends Line> {
  readonly hasTty: boolean;
  readonly hasTimestamps: boolean;
  /** Text that goes in front of each line, before the message. */
  readonly detailsOf?: (entry: Entry) => string;
}

/** Streams the lines; waits for slow readers; stops when the client is gone. */
export async function writeLogs<Entry extends Line>(
  exchange: Exchange,
  entries: AsyncIterable<Entry>,
  format: LogFormat<Entry>,
): Promise<Reply> {
  startStream(exchange, streamType(format.hasTty, exchange.minor));
  const { response, signal } = exchange;
  try {
    for await (const entry of entries) {
      const line = Buffer.concat([Buffer.from(prefixOf(entry, format)), entry.line]);
      const chunk = format.hasTty ? line : stdcopyFrame(entry.stream, line);
      if (!(await writeOrWait(response, chunk, signal))) break;
    }
  } catch (error) {
    // The head is out: what is missing can only be said in the stream itself.
    const text = Buffer.from(`Error grabbing logs: ${messageOf(error)}\n`);
    response.write(format.hasTty ? text : stdcopyFrame('systemerr', text));
  }
  response.end();
  return WRITTEN;
}

function prefixOf<Entry extends Line>(entry: Entry, format: LogFormat<Entry>): string {
  const time = format.hasTimestamps ? `${nanoTime(entry.time)} ` : '';
  return format.detailsOf ? `${time}${format.detailsOf(entry)} ` : time;
}

/** Pads the fraction to nine digits, so that lines sort and columns line up. */
function nanoTime(time: string): string {
  const match = /^(.*?)(?:\.([0-9]{1,9}))?Z$/.exec(time);
  return match ? `${match[1] as string}.${(match[2] ?? '').padEnd(9, '0')}Z` : time;
}
