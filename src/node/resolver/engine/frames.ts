/**
 * What is said between the agent and the engine (`native/dns/control/frame.h`): u32 length of the
 * rest | u8 kind | fields, little-endian. A text is u16 length and bytes.
 */
import { assert } from '../../../base/index.ts';
import { QUERY_OUTCOMES, type QueryOutcome, type Transport } from '../../../dns/index.ts';

/** `HELLO`, `STOP` and what starts an engine's handing over never change their form. */
export const PROTOCOL_VERSION = 1;

const HEAD_BYTES = 5;
/** What the engine sends is small; the welcome names every sandbox. */
const FRAME_BYTES_MAX = 16 << 20;

const FrameKind = {
  HELLO: 1,
  OPEN: 2,
  CLOSE: 3,
  TABLE: 4,
  KEEP: 5,
  ANSWER: 6,
  STOP: 7,
  WELCOME: 65,
  DONE: 66,
  OPENED: 67,
  FAILED: 68,
  QUERY: 69,
} as const;

export interface EnginePorts {
  readonly udpPort: number;
  readonly tcpPort: number;
}

export interface OpenFrame {
  readonly sandboxId: string;
  readonly namespacePath: string;
  readonly networks: readonly string[];
  /** `encodeAsker`'s. */
  readonly flags: number;
  /** Wanted; 0 where any will do. */
  readonly ports: EnginePorts;
}

/** What the engine says. */
export type EngineFrame =
  | {
      readonly kind: 'welcome';
      readonly protocol: number;
      readonly tableVersion: number;
      readonly build: string;
      readonly pid: number;
      /** Those it serves. */
      readonly sandboxIds: readonly string[];
    }
  | { readonly kind: 'done'; readonly request: number }
  | { readonly kind: 'opened'; readonly request: number; readonly ports: EnginePorts }
  | {
      readonly kind: 'failed';
      readonly request: number;
      readonly errno: number;
      readonly call: string;
    }
  | { readonly kind: 'query'; readonly query: HandedQuery };

/** A question that the engine's tables do not answer. */
export interface HandedQuery {
  readonly id: number;
  readonly transport: Transport;
  readonly sandboxId: string;
  readonly bytes: Uint8Array;
}

export const frames = {
  hello: (): Buffer => frame(FrameKind.HELLO, u16(PROTOCOL_VERSION)),
  open: (request: number, open: OpenFrame): Buffer =>
    frame(
      FrameKind.OPEN,
      u32(request),
      Buffer.of(open.flags),
      u16(open.ports.udpPort),
      u16(open.ports.tcpPort),
      text(open.sandboxId),
      text(open.namespacePath),
      u16(open.networks.length),
      ...open.networks.map(text),
    ),
  close: (request: number, sandboxId: string): Buffer =>
    frame(FrameKind.CLOSE, u32(request), text(sandboxId)),
  table: (networkId: string, table: Uint8Array): Buffer =>
    frame(FrameKind.TABLE, text(networkId), table),
  keep: (request: number, networkIds: readonly string[]): Buffer =>
    frame(FrameKind.KEEP, u32(request), u32(networkIds.length), ...networkIds.map(text)),
  answer: (id: number, outcome: QueryOutcome, reply: Uint8Array): Buffer =>
    frame(FrameKind.ANSWER, u32(id), Buffer.of(QUERY_OUTCOMES.indexOf(outcome)), reply),
  stop: (): Buffer => frame(FrameKind.STOP),
};

function frame(kind: number, ...parts: readonly Uint8Array[]): Buffer {
  const size = parts.reduce((sum, part) => sum + part.length, 1);
  return Buffer.concat([u32(size), Buffer.of(kind), ...parts], size + 4);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  assert(bytes.length < 0x10000, 'a text of a frame has less than 64 KiB');
  return Buffer.concat([u16(bytes.length), bytes]);
}

/** Cuts the engine's bytes into frames. Throws `RangeError` for what no engine says. */
export class FrameStream {
  private held: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): EngineFrame[] {
    this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    const found: EngineFrame[] = [];
    while (this.held.length >= HEAD_BYTES) {
      const end = 4 + this.held.readUInt32LE(0);
      if (end > FRAME_BYTES_MAX) throw new RangeError(`a frame of ${end} bytes`);
      if (this.held.length < end) break;
      found.push(parse(this.held.readUInt8(4), new Fields(this.held.subarray(HEAD_BYTES, end))));
      this.held = this.held.subarray(end);
    }
    return found;
  }
}

function parse(kind: number, fields: Fields): EngineFrame {
  switch (kind) {
    case FrameKind.WELCOME:
      return welcome(fields);
    case FrameKind.DONE:
      return { kind: 'done', request: fields.u32() };
    case FrameKind.OPENED: {
      const request = fields.u32();
      return { kind: 'opened', request, ports: { udpPort: fields.u16(), tcpPort: fields.u16() } };
    }
    case FrameKind.FAILED:
      return { kind: 'failed', request: fields.u32(), errno: fields.u32(), call: fields.text() };
    case FrameKind.QUERY: {
      const id = fields.u32();
      const transport = fields.u8() === 0 ? 'udp' : 'tcp';
      const sandboxId = fields.text();
      return { kind: 'query', query: { id, transport, sandboxId, bytes: fields.rest() } };
    }
    default:
      throw new RangeError(`a frame of kind ${kind}`);
  }
}

function welcome(fields: Fields): EngineFrame {
  const [protocol, tableVersion, build, pid] = [
    fields.u16(),
    fields.u16(),
    fields.text(),
    fields.u32(),
  ];
  const sandboxIds: string[] = [];
  for (let left = fields.u32(); left > 0; left -= 1) {
    sandboxIds.push(fields.text());
    fields.u32();
  }
  return { kind: 'welcome', protocol, tableVersion, build, pid, sandboxIds };
}

/** Fields front to back; Node's own range checks throw `RangeError`. */
class Fields {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  u8(): number {
    return this.bytes.readUInt8(this.advance(1));
  }

  u16(): number {
    return this.bytes.readUInt16LE(this.advance(2));
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.advance(4));
  }

  text(): string {
    const size = this.u16();
    const start = this.advance(size);
    if (this.at > this.bytes.length) throw new RangeError('a text beyond its frame');
    return this.bytes.toString('utf8', start, this.at);
  }

  rest(): Uint8Array {
    return new Uint8Array(this.bytes.subarray(this.at));
  }

  private advance(size: number): number {
    const start = this.at;
    this.at += size;
    return start;
  }
}
