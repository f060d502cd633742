/**
 * Lines of conmon's k8s-file log: `<RFC 3339 with nanoseconds and offset> <stdout|stderr> <F|P>
 * <content>`.
 *
 * F is a full line, whose newline is implied; P is a piece without one: longer than conmon's
 * buffer, or the last output of a process that ended without a newline.
 */
export interface LogLine {
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds, UTC. */
  readonly time: string;
  readonly timeMs: number;
  readonly isPartial: boolean;
  /** With its newline, if it is a full line. */
  readonly content: Buffer;
}

const HEAD = /^(\S{20,40}) (stdout|stderr) ([FP]) /;
const HEAD_BYTES_MAX = 64;
const NEWLINE = 0x0a;

/**
 * `line` is without its newline. Undefined when it is not a line of this format (a torn one after a
 * power loss).
 */
export function tryParseLogLine(line: Buffer): LogLine | undefined {
  const match = HEAD.exec(line.toString('latin1', 0, HEAD_BYTES_MAX));
  const time = match === null ? undefined : tryParseTime(match[1] ?? '');
  if (match === null || time === undefined) return undefined;
  const isPartial = match[3] === 'P';
  const content = line.subarray(match[0].length);
  return {
    stream: match[2] === 'stderr' ? 'stderr' : 'stdout',
    ...time,
    isPartial,
    content: isPartial ? content : Buffer.concat([content, Buffer.of(NEWLINE)]),
  };
}

const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** Converts to UTC; offsets are whole minutes, so the fraction stays as it is. */
export function tryParseTime(text: string): { time: string; timeMs: number } | undefined {
  const match = TIME.exec(text);
  const seconds = Date.parse(`${match?.[1] ?? ''}${match?.[3] ?? ''}`);
  if (match === null || Number.isNaN(seconds)) return undefined;
  const fraction = (match[2] ?? '').padEnd(9, '0');
  return {
    time: `${new Date(seconds).toISOString().slice(0, 19)}.${fraction}Z`,
    timeMs: seconds + Number(fraction.slice(0, 3)),
  };
}

/** A log line may not grow without bound in memory; conmon's pieces are some 8 KiB. */
const LINE_BYTES_MAX = 1 << 20;

/** Cuts a stream of chunks into lines; keeps what has no newline yet. */
export class LineSplitter {
  private rest: Buffer = Buffer.alloc(0);

  *push(chunk: Buffer): Generator<Buffer> {
    let text = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE)) {
      yield text.subarray(0, end);
      text = text.subarray(end + 1);
    }
    this.rest = text.length > LINE_BYTES_MAX ? Buffer.alloc(0) : text;
  }
}
