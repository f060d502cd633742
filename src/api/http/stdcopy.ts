/**
 * Docker's multiplexed stream: an eight-byte header (stream, three zeros, big-endian length) before
 * each chunk.
 */

export type StreamKind = 'stdin' | 'stdout' | 'stderr' | 'systemerr';

const NUMBER_OF: Readonly<Record<StreamKind, number>> = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  systemerr: 3,
};

export const RAW_STREAM_TYPE = 'application/vnd.docker.raw-stream';
export const MULTIPLEXED_STREAM_TYPE = 'application/vnd.docker.multiplexed-stream';

/** One frame. Precondition: `payload.length < 2^32`. */
export function stdcopyFrame(kind: StreamKind, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(8 + payload.length);
  frame.writeUInt32BE(NUMBER_OF[kind] * 2 ** 24, 0);
  frame.writeUInt32BE(payload.length, 4);
  frame.set(payload, 8);
  return frame;
}

/** The Content-Type of a stream: clients before 1.42 expect the raw type for both. */
export function streamType(hasTty: boolean, minor: number): string {
  return hasTty || minor < 42 ? RAW_STREAM_TYPE : MULTIPLEXED_STREAM_TYPE;
}
