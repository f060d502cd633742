/** Ways to a manager: over the network, trying those known in turn; and joining through one. */
import { SYSTEM_CLOCK, messageOf, type Clock, type Logger } from '../../base/index.ts';
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
  type RenewReply,
} from '../transport/index.ts';
import { explainTimes } from './clock-skew.ts';
import type { Connection } from './manager-session.ts';

export interface DialOptions {
  readonly clock: Clock;
  /**
   * This node's certificate is of a root that was rotated away while it was out of session: gets
   * another with `renew`, and gives back who it is then.
   */
  readonly superseded: (renew: Connection['renew']) => Promise<Identity>;
}

/** Connects to the first of `managers` that answers. Throws the last one's `ClusterError`. */
export async function dialManager(
  managers: readonly string[],
  identity: Identity,
  options: Partial<DialOptions> = {},
): Promise<Connection> {
  let last: unknown = new ClusterError(
    { code: 'unreachable', address: '' },
    'no address of a manager is known',
  );
  for (const manager of managers) {
    const to = parseHostPort(manager, DEFAULT_PORT);
    try {
      return await dial(to, identity, options);
    } catch (error) {
      last = await explainTimes(error, to, options.clock ?? SYSTEM_CLOCK);
    }
  }
  throw last;
}

async function dial(
  to: HostPort,
  identity: Identity,
  options: Partial<DialOptions>,
): Promise<Connection> {
  const { superseded, ...rest } = options;
  const client = await ClusterClient.connect(to, trustOf(identity));
  try {
    return await openSession(client);
  } catch (error) {
    if (superseded === undefined || !isClusterError(error, 'certificate-superseded')) {
      client.close();
      throw error;
    }
  }
  try {
    const renewed = await superseded((requestPem) => renewOver(client, requestPem));
    return await dial(to, renewed, rest);
  } finally {
    client.close();
  }
}

async function openSession(client: ClusterClient): Promise<Connection> {
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
    renew: (requestPem) => renewOver(client, requestPem),
    localAddress: client.localAddress,
    close: () => client.close(),
  };
}

async function renewOver(client: ClusterClient, requestPem: string): Promise<RenewReply> {
  return client.request('POST /v1/renew', renewReplySchema, { requestPem });
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
  body: Omit<JoinBody, 'secret' | 'requestPem'> & {
    readonly logger: Logger;
    readonly clock: Clock;
  },
): Promise<Joined> {
  const { logger, clock, ...rest } = body;
  let last: unknown;
  for (const remote of remotes) {
    try {
      const { certificatePem: authorityPem } = await fetchAuthority(remote);
      requireDigest(authorityPem, token.digest);
      const key = await createNodeKey();
      const reply = await sendJoin(remote, authorityPem, {
        ...rest,
        secret: token.secret,
        requestPem: key.requestPem,
      });
      return { reply, keyPem: key.keyPem, authorityPem: reply.authorityPem ?? authorityPem };
    } catch (thrown) {
      const error = await explainTimes(thrown, remote, clock);
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
