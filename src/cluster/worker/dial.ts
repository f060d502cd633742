/** Ways to a manager: over the network, trying those known in turn; and joining through one. */
import { messageOf, type Logger } from '../../base/index.ts';
import { ClusterError, isClusterError } from '../errors.ts';
import {
  authorityDigest,
  createNodeKey,
  type Identity,
  type JoinToken,
} from '../identity/index.ts';
import {
  ClusterClient,
  DEFAULT_PORT,
  MANAGER_FRAME_BYTES_MAX,
  StreamLink,
  fetchAuthority,
  joinReplySchema,
  managerMessageSchema,
  parseHostPort,
  renewReplySchema,
  sendLogs,
  trustOf,
  type HostPort,
  type JoinBody,
  type JoinReply,
  type NodeMessage,
} from '../transport/index.ts';
import type { Connection } from './manager-session.ts';

/** Connects to the first of `managers` that answers. Throws the last one's `ClusterError`. */
export async function dialManager(
  managers: readonly string[],
  identity: Identity,
): Promise<Connection> {
  let last: unknown = new ClusterError(
    { code: 'unreachable', address: '' },
    'no address of a manager is known',
  );
  for (const manager of managers) {
    try {
      return await dial(parseHostPort(manager, DEFAULT_PORT), identity);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

async function dial(to: HostPort, identity: Identity): Promise<Connection> {
  const client = await ClusterClient.connect(to, trustOf(identity));
  try {
    const stream = await client.openStream('POST /v1/session');
    const link = new StreamLink<typeof managerMessageSchema, NodeMessage>({
      stream,
      schema: managerMessageSchema,
      frameBytesMax: MANAGER_FRAME_BYTES_MAX,
    });
    return {
      link,
      async upload(requestId, entries, controller) {
        const uploading = await client.openStream(`POST /v1/logs/${requestId}`);
        uploading.on('close', () => controller.abort());
        uploading.on('error', () => undefined);
        uploading.resume();
        await sendLogs(uploading, entries);
      },
      async renew(requestPem) {
        const reply = await client.request('POST /v1/renew', renewReplySchema, { requestPem });
        return reply.certificatePem;
      },
      close: () => client.close(),
    };
  } catch (error) {
    client.close();
    throw error;
  }
}

export interface Joined {
  readonly reply: JoinReply;
  readonly keyPem: string;
  readonly authorityPem: string;
}

/**
 * Joins through the first manager that can be reached. The manager's authority must have the digest
 * that the token names before the token's secret is sent to it. Throws `ClusterError`.
 */
export async function joinThrough(
  remotes: readonly HostPort[],
  token: JoinToken,
  body: Omit<JoinBody, 'secret' | 'requestPem'> & { readonly logger: Logger },
): Promise<Joined> {
  const { logger, ...rest } = body;
  let last: unknown;
  for (const remote of remotes) {
    try {
      const authorityPem = await fetchAuthority(remote);
      requireDigest(authorityPem, token.digest);
      const key = await createNodeKey();
      const reply = await sendJoin(remote, authorityPem, {
        ...rest,
        secret: token.secret,
        requestPem: key.requestPem,
      });
      return { reply, keyPem: key.keyPem, authorityPem };
    } catch (error) {
      if (!isClusterError(error, 'unreachable')) throw error;
      logger.info({ error: messageOf(error) }, 'a manager could not be reached; trying the next');
      last = error;
    }
  }
  throw last;
}

async function sendJoin(
  remote: HostPort,
  authorityPem: string,
  body: JoinBody,
): Promise<JoinReply> {
  const client = await ClusterClient.connect(remote, { authorityPem });
  try {
    return await client.request('POST /v1/join', joinReplySchema, body);
  } finally {
    client.close();
  }
}

function requireDigest(authorityPem: string, expected: string): void {
  const actual = digestOf(authorityPem);
  if (actual === expected) return;
  throw new ClusterError(
    { code: 'ca-mismatch', expected, actual },
    `remote CA does not match fingerprint. Expected: ${expected}, got: ${actual}. The token is ` +
      `of another cluster, or ` +
      `somebody stands between this node and the manager`,
  );
}

function digestOf(pem: string): string {
  try {
    return authorityDigest(pem);
  } catch (error) {
    const reason = 'the manager sent no certificate';
    throw new ClusterError({ code: 'protocol', reason }, reason, error);
  }
}
