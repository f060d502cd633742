/**
 * The first words on a connection between managers. Who dialled speaks first; the other one answers
 * with its own hello, or says why not.
 *
 * A hello is JSON, so that a later release may add fields. The highest version that both know is
 * spoken; managers of releases that share none refuse each other with the versions in the text.
 */
import { z } from 'zod';
import type { PeerId } from '../../../raft/index.ts';
import { decodeJson, protocolError } from '../../transport/index.ts';

/** What this release speaks: frames of `frame.ts`, messages of the core's wire format. */
export const LINK_VERSIONS = { min: 1, max: 1 } as const;

const peerId = z
  .string()
  .regex(/^[0-9a-z]{1,64}:[0-9a-z]{8}$/)
  .transform((text) => text as PeerId);

const helloSchema = z.object({
  versions: z.object({ min: z.int().positive(), max: z.int().positive() }),
  clusterId: z.string().max(64),
  from: peerId,
  to: peerId,
  /** A snapshot has a connection of its own, so that messages do not wait behind it. */
  purpose: z.enum(['messages', 'snapshot']),
});
export type Hello = z.output<typeof helloSchema>;

const refusedSchema = z.object({ reason: z.string().max(500) });

export function encodeHello(hello: Hello): Buffer {
  return Buffer.from(JSON.stringify(hello));
}

/** Throws `ClusterError` with code protocol. */
export function decodeHello(payload: Buffer): Hello {
  return decodeJson(helloSchema, payload);
}

export function encodeRefused(reason: string): Buffer {
  return Buffer.from(JSON.stringify({ reason }));
}

/** Throws `ClusterError` with code protocol. */
export function decodeRefused(payload: Buffer): string {
  return decodeJson(refusedSchema, payload).reason;
}

/** The node that a peer is on. */
export function nodeOfPeer(peer: PeerId): string {
  return peer.slice(0, peer.indexOf(':'));
}

/** Throws `ClusterError` with code protocol when the two share no version. */
export function sharedVersion(theirs: Hello['versions']): number {
  const version = Math.min(LINK_VERSIONS.max, theirs.max);
  if (version >= LINK_VERSIONS.min && version >= theirs.min) return version;
  throw protocolError(
    `this manager speaks versions ${LINK_VERSIONS.min} to ${LINK_VERSIONS.max}, ` +
      `the other one ${theirs.min} to ${theirs.max}: upgrade the older one first`,
  );
}
