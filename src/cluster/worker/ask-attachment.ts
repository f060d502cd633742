import { ClusterError, isClusterError } from '../errors.ts';
import type { Identity } from '../identity/index.ts';
import type { AttachGrant, AttachRequest } from '../member.ts';
import {
  ClusterClient,
  DEFAULT_PORT,
  attachReplySchema,
  parseHostPort,
  trustOf,
} from '../transport/index.ts';

/**
 * Asks the managers in turn until one answers; who is reached by none has no place. Throws
 * `ClusterError`.
 */
export async function askAttachment(
  managers: readonly string[],
  identity: Identity,
  request: AttachRequest,
): Promise<AttachGrant> {
  let last: unknown = new ClusterError(
    { code: 'unreachable', address: '' },
    'no address of a manager is known',
  );
  for (const manager of managers) {
    try {
      return await askOne(manager, identity, request);
    } catch (error) {
      if (!isClusterError(error, 'unreachable')) throw error;
      last = error;
    }
  }
  throw last;
}

async function askOne(
  manager: string,
  identity: Identity,
  request: AttachRequest,
): Promise<AttachGrant> {
  const client = await ClusterClient.connect(
    parseHostPort(manager, DEFAULT_PORT),
    trustOf(identity),
  );
  try {
    return await client.request('POST /v1/attachments', attachReplySchema, request);
  } finally {
    client.close();
  }
}
