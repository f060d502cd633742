/**
 * What probes and echoes look like. All numbers are big-endian:
 *
 *   0 magic "HWP1"   4 kind (1 probe, 2 echo)   5 is intact   6 bytes of the inner IP packet
 *   8 id   12 sender's wall clock, milliseconds, float64   20 padding: a pattern of the id
 */
import type { Echo, Probe } from './trial.ts';

const MAGIC = 0x48575031;
const HEADER_BYTES = 20;
/** IPv4 and UDP headers. */
const PACKET_BYTES = 28;
const KIND = { probe: 1, echo: 2 } as const;

export type PathMessage =
  | ({ readonly kind: 'probe'; readonly isIntact: boolean } & Pick<Probe, 'id' | 'bytes'>)
  | ({ readonly kind: 'echo' } & Echo);

/** Precondition: the packet has room for the header. */
export function encodeProbe({ id, bytes }: Pick<Probe, 'id' | 'bytes'>): Uint8Array {
  const message = new Uint8Array(bytes - PACKET_BYTES);
  writeHeader(message, { kind: 'probe', id, bytes });
  for (let at = HEADER_BYTES; at < message.length; at += 1) message[at] = pattern(id, at);
  return message;
}

export function encodeEcho(echo: Echo): Uint8Array {
  const message = new Uint8Array(HEADER_BYTES);
  writeHeader(message, { kind: 'echo', id: echo.id, bytes: HEADER_BYTES + PACKET_BYTES });
  message[5] = Number(echo.isIntact);
  new DataView(message.buffer).setFloat64(12, echo.peerWallMs, false);
  return message;
}

/** `undefined` for what is no message, or an echo that arrived changed. */
export function tryDecodePath(message: Uint8Array): PathMessage | undefined {
  if (message.length < HEADER_BYTES) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (view.getUint32(0, false) !== MAGIC) return undefined;
  const [kind, bytes, id] = [view.getUint8(4), view.getUint16(6, false), view.getUint32(8, false)];
  if (kind === KIND.probe)
    return { kind: 'probe', id, bytes, isIntact: isWhole(message, { id, bytes }) };
  const peerWallMs = view.getFloat64(12, false);
  if (kind !== KIND.echo || !Number.isFinite(peerWallMs)) return undefined;
  return { kind: 'echo', id, isIntact: view.getUint8(5) === 1, peerWallMs };
}

function writeHeader(
  message: Uint8Array,
  {
    kind,
    id,
    bytes,
  }: { readonly kind: keyof typeof KIND; readonly id: number; readonly bytes: number },
): void {
  const view = new DataView(message.buffer);
  view.setUint32(0, MAGIC, false);
  view.setUint8(4, KIND[kind]);
  view.setUint16(6, bytes, false);
  view.setUint32(8, id, false);
}

function isWhole(message: Uint8Array, { id, bytes }: Pick<Probe, 'id' | 'bytes'>): boolean {
  if (message.length !== bytes - PACKET_BYTES) return false;
  for (let at = HEADER_BYTES; at < message.length; at += 1)
    if (message[at] !== pattern(id, at)) return false;
  return true;
}

function pattern(id: number, at: number): number {
  return (id + at * 167) & 255;
}
