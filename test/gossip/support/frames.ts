import { ByteWriter } from '../../../src/gossip/wire/bytes.ts';
import { WIRE_VERSION, writeMessage } from '../../../src/gossip/wire/encode.ts';
import type { Message } from '../../../src/gossip/wire/messages.ts';

/** A frame as a peer sends it, before it is sealed. */
export function encodeFrame(messages: readonly Message[]): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(WIRE_VERSION);
  for (const message of messages) writeMessage(writer, message);
  return writer.take();
}
