/**
 * Reads a container's log: all of it or its tail, filtered by stream and time, and follows it while
 * it may grow.
 */
import { watch } from 'node:fs';
import { RuntimeError } from '../errors.ts';
import type { LogEntry, LogQuery } from '../runtime.ts';
import { tryOpenNext, tryOpenOldest, type OpenLogFile } from './log-files.ts';
import { LineSplitter, tryParseLogLine, type LogLine } from './log-line.ts';

const CHUNK_BYTES = 64 << 10;
/** inotify says at once that there is more; this is for when it does not. */
const POLL_MS = 500;

export interface LogSource {
  /** Whether more may come: the container runs, or has not been started yet. */
  readonly mayGrow: () => boolean;
  /** Calls back when the answer of `mayGrow` may have changed. */
  readonly onChange: (listener: () => void) => () => void;
}

export async function* readLogs(
  logFile: string,
  query: LogQuery,
  source: LogSource,
): AsyncGenerator<LogEntry> {
  if (query.tailLines !== undefined && query.tailLines < 0) {
    throw new RuntimeError(
      { code: 'invalid', field: 'tail', value: String(query.tailLines) },
      'invalid tail',
    );
  }
  let toSkip =
    query.tailLines === undefined ? 0 : (await countLines(logFile, query)) - query.tailLines;
  const starts = new LineStarts();
  for await (const line of readLines(logFile, query, source)) {
    if (query.untilMs !== undefined && line.timeMs > query.untilMs) {
      if (query.isFollowing) return;
      continue;
    }
    if (!isWanted(line, query)) continue;
    if (starts.isStart(line)) toSkip -= 1;
    if (toSkip < 0 || query.tailLines === undefined) {
      yield { stream: line.stream, time: line.time, line: line.content };
    }
  }
}

function isWanted(line: LogLine, query: LogQuery): boolean {
  const isOfStream = line.stream === 'stdout' ? query.wantStdout : query.wantStderr;
  const isSince = query.sinceMs === undefined || line.timeMs >= query.sinceMs;
  const isUntil = query.untilMs === undefined || line.timeMs <= query.untilMs;
  return isOfStream && isSince && isUntil;
}

/** Tells the first piece of a line from its continuations. */
class LineStarts {
  private readonly isWithin = { stdout: false, stderr: false };

  isStart(line: LogLine): boolean {
    const isStart = !this.isWithin[line.stream];
    this.isWithin[line.stream] = line.isPartial;
    return isStart;
  }
}

/** Logs are bounded by rotation, so counting them is a read of some tens of MiB at most. */
async function countLines(logFile: string, query: LogQuery): Promise<number> {
  const starts = new LineStarts();
  let lines = 0;
  const still = { mayGrow: () => false, onChange: () => () => undefined };
  for await (const line of readLines(logFile, { ...query, isFollowing: false }, still)) {
    if (isWanted(line, query) && starts.isStart(line)) lines += 1;
  }
  return lines;
}

async function* readLines(
  logFile: string,
  query: Pick<LogQuery, 'isFollowing' | 'signal'>,
  source: LogSource,
): AsyncGenerator<LogLine> {
  const alarm = new Alarm(logFile, query, source);
  let file: OpenLogFile | undefined;
  let splitter = new LineSplitter();
  try {
    while (!query.signal.aborted) {
      // Asked before reading: what was written before the end is then read in this round.
      const mayGrow = query.isFollowing && source.mayGrow();
      file ??= await tryOpenOldest(logFile);
      if (file !== undefined) yield* readToEnd(file, splitter, query.signal);
      const next = file === undefined ? undefined : await tryOpenNext(logFile, file.inode);
      if (file !== undefined && next !== undefined) {
        // conmon may have written between the last read and the rotation.
        yield* readToEnd(file, splitter, query.signal);
        await file.handle.close();
        file = next;
        splitter = new LineSplitter();
        continue;
      }
      if (!mayGrow) return;
      await alarm.wait();
    }
  } finally {
    alarm.close();
    await file?.handle.close();
  }
}

async function* readToEnd(
  file: OpenLogFile,
  splitter: LineSplitter,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  while (!signal.aborted) {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    const { bytesRead } = await file.handle.read(buffer, 0, CHUNK_BYTES);
    if (bytesRead === 0) return;
    for (const line of splitter.push(buffer.subarray(0, bytesRead))) {
      const parsed = tryParseLogLine(line);
      if (parsed !== undefined) yield parsed;
    }
  }
}

/**
 * Wakes a follower: the file changed, the container did, the reader went away, or some time passed.
 */
class Alarm {
  private readonly closers: (() => void)[] = [];
  private hasRung = false;
  private ring: () => void = () => {
    this.hasRung = true;
  };

  constructor(logFile: string, query: Pick<LogQuery, 'isFollowing' | 'signal'>, source: LogSource) {
    if (!query.isFollowing) return;
    const wake = () => this.ring();
    this.closers.push(source.onChange(wake));
    query.signal.addEventListener('abort', wake);
    this.closers.push(() => query.signal.removeEventListener('abort', wake));
    try {
      const watcher = watch(logFile, wake);
      watcher.on('error', () => watcher.close());
      this.closers.push(() => watcher.close());
    } catch {
      // No log yet, or no inotify watch left: the poll does.
    }
  }

  async wait(): Promise<void> {
    if (!this.hasRung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        this.ring = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.hasRung = false;
    this.ring = () => {
      this.hasRung = true;
    };
  }

  close(): void {
    for (const close of this.closers) close();
  }
}
