/**
 * gRPC over clear-text HTTP/2, and as much of etcd's messages as a load needs: Put, Range, Status.
 *
 * Both sides of the comparison are spoken to with this client, so that its cost is the same.
 */
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';

export const PUT = '/etcdserverpb.KV/Put';
export const RANGE = '/etcdserverpb.KV/Range';
export const STATUS = '/etcdserverpb.Maintenance/Status';

const HEAD_BYTES = 5;
const WINDOW_BYTES = 4 << 20;

export class GrpcClient {
  private readonly session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session) {
    this.session = session;
  }

  static async connect(port: number): Promise<GrpcClient> {
    const session = connect(`http://127.0.0.1:${port}`, {
      settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
    });
    await new Promise<void>((resolve, reject) => {
      session.once('connect', () => resolve());
      session.once('error', reject);
    });
    session.on('error', () => undefined);
    session.setLocalWindowSize(WINDOW_BYTES);
    return new GrpcClient(session);
  }

  /** The reply's message; rejects unless the call ended with status 0. */
  async call(path: string, message: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const stream = this.session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      const chunks: Buffer[] = [];
      let status: unknown;
      const note = (headers: IncomingHttpHeaders): void => {
        status = headers['grpc-status'] ?? status;
      };
      stream.on('response', note);
      stream.on('trailers', note);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('end', () => {
        if (Number(status) === 0) resolve(Buffer.concat(chunks).subarray(HEAD_BYTES));
        else reject(new Error(`${path} ended with status ${String(status)}`));
      });
      stream.end(framed(message));
    });
  }

  close(): void {
    this.session.destroy();
  }
}

export function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, HEAD_BYTES);
  return frame;
}

/** The message of a request or reply that arrived as one frame. */
export function unframed(frame: Buffer): Buffer {
  return frame.subarray(HEAD_BYTES, HEAD_BYTES + frame.readUInt32BE(1));
}

export function putRequest(key: Buffer, value: Buffer): Buffer {
  return Buffer.concat([bytesField(1, key), bytesField(2, value)]);
}

export function rangeRequest(key: Buffer): Buffer {
  return bytesField(1, key);
}

/** Only length-delimited and number fields; the last of each number counts. */
export function fieldsOf(message: Buffer): Map<number, Buffer | number> {
  const fields = new Map<number, Buffer | number>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at] ?? 0;
      at += 1;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const value = varint();
    if ((tag & 7) === 0) fields.set(tag >> 3, value);
    else {
      fields.set(tag >> 3, message.subarray(at, at + value));
      at += value;
    }
  }
  return fields;
}

export function bytesField(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([varintOf(number * 8 + 2), varintOf(bytes.length), bytes]);
}

function varintOf(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}
