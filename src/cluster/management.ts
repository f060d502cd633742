/**
 * The manager on this node, as it comes and goes with the node's role.
 *
 *   meant to be a manager -> a certificate that says so -> an empty log -> asks to be added
 *   added -> takes part
 *   let go by the group -> the log goes -> a worker's certificate
 *
 * `member.json` has the peer's id exactly while there is a log that belongs to it, so that a crash
 * between any two steps is followed by the steps that are missing.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../base/index.ts';
import { ClusterError } from './errors.ts';
import { createDataKey, type Identity, type Membership } from './identity/index.ts';
import { ActiveManager, createPeerId, type ActiveManagerOptions } from './manager/index.ts';
import type { NodeSide } from './node-side.ts';
import type { MemberSettings } from './settings.ts';
import {
  ClusterClient,
  DEFAULT_PORT,
  formatHostPort,
  parseHostPort,
  parseIpPort,
  takePartReplySchema,
  trustOf,
} from './transport/index.ts';

/** What makes a membership that of a manager with a log. */
export type ManagerParts = Required<Pick<Membership, 'peerId' | 'dataKeys'>> &
  Pick<Membership, 'advertiseAddress'>;

/** Between two attempts at being added. */
const ASK_MS = 500;

export function logDirectory(settings: MemberSettings): string {
  return join(settings.directory, 'log');
}

/** Goes on as the manager that this node was. Throws `ClusterError` when its log is damaged. */
export async function openManager(
  settings: MemberSettings,
  membership: Membership,
  open: (options: ActiveManagerOptions) => Promise<ActiveManager> = (options) =>
    ActiveManager.open(options),
): Promise<ActiveManager> {
  const { peerId, dataKeys } = membership;
  if (peerId === undefined || dataKeys === undefined)
    throw new ClusterError({ code: 'not-member' }, 'this manager has not begun its log');
  const manager = await open({ ...partsOf(settings, membership), peerId, dataKeys });
  manager.start();
  manager.keepListening();
  return manager;
}

/**
 * Begins an empty log for others to fill. Resolves when this node waits to be added. Throws
 * `ClusterError`.
 */
export async function beginManager(
  settings: MemberSettings,
  node: NodeSide,
): Promise<ActiveManager> {
  if (node.current.role !== 'manager') await node.renew();
  const { current } = node;
  if (current.role !== 'manager')
    throw new ClusterError(
      { code: 'forbidden' },
      "the managers did not give a manager's certificate",
    );
  await rm(logDirectory(settings), { recursive: true, force: true });
  const peerId = createPeerId(current.nodeId);
  const dataKeys = [createDataKey()];
  const options = { ...partsOf(settings, current), peerId, dataKeys };
  const manager = await ActiveManager.create(options, 'join');
  await node.useManager(manager, { peerId, dataKeys, advertiseAddress: advertised(node) });
  manager.start();
  manager.keepListening();
  return manager;
}

/** Ends a manager that the group has let go. */
export async function endManager(
  settings: MemberSettings,
  node: NodeSide,
  manager: ActiveManager,
): Promise<void> {
  await manager.close();
  await node.useManager(undefined, undefined);
  await rm(logDirectory(settings), { recursive: true, force: true });
}

/** Asks managers to add this one until it is in the group, or the returned function is called. */
export function askToTakePart(
  settings: MemberSettings,
  node: NodeSide,
  manager: ActiveManager,
): () => void {
  let isStopped = false;
  const ask = async (): Promise<void> => {
    while (!isStopped && !manager.isMember) {
      await askOnce(node).catch((error: unknown) =>
        settings.logger.warn({ error: messageOf(error) }, 'this manager was not added yet'),
      );
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    }
  };
  void ask();
  return () => (isStopped = true);
}

async function askOnce({ current }: NodeSide): Promise<void> {
  const { peerId, advertiseAddress: address, managers } = current;
  const others = managers.filter((each) => each !== address);
  const reasons: string[] = [];
  for (const manager of others) {
    try {
      return await takePartThrough(manager, current, { peerId, address });
    } catch (error) {
      reasons.push(messageOf(error));
    }
  }
  throw new Error(reasons.length > 0 ? reasons.join('; ') : 'no other manager is known');
}

async function takePartThrough(manager: string, identity: Identity, body: object): Promise<void> {
  const to = parseHostPort(manager, DEFAULT_PORT);
  const client = await ClusterClient.connect(to, trustOf(identity));
  try {
    await client.request('POST /v1/managers', takePartReplySchema, body);
  } finally {
    client.close();
  }
}

/** Where other managers reach this one: as it was told, else as it reaches them. */
function advertised(node: NodeSide): string {
  const { advertiseAddress, listenAddress } = node.current;
  const { host, port } = parseIpPort(listenAddress, DEFAULT_PORT);
  if (advertiseAddress !== undefined) return formatHostPort(parseIpPort(advertiseAddress, port));
  const isAny = host === '0.0.0.0' || host === '::';
  return formatHostPort({ host: isAny ? (node.localAddress ?? host) : host, port });
}

function partsOf(
  settings: MemberSettings,
  membership: Membership,
): Omit<ActiveManagerOptions, 'peerId' | 'dataKeys'> {
  const { clock, logger, metrics, tuning } = settings;
  return {
    directory: logDirectory(settings),
    identity: membership,
    listen: parseIpPort(membership.listenAddress, DEFAULT_PORT),
    clock,
    logger,
    metrics,
    tuning,
  };
}
