/** Makes a cluster of one: authority, identity, log, the cluster's row and the first node's. */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { networkInterfaces } from 'node:os';
import type { ClusterId, NetworkId } from '../model/index.ts';
import type { Command } from '../store/index.ts';
import { ClusterError } from './errors.ts';
import {
  certify,
  createDataKey,
  createJoinSecret,
  createNodeKey,
  createUnlockKey,
  firstAuthority,
  withoutRoot,
  type Authority,
  type Identity,
  type Membership,
} from './identity/index.ts';
import { ActiveManager, createId, createNodeId, createPeerId } from './manager/index.ts';
import type { InitRequest } from './member.ts';
import type { MemberSettings } from './settings.ts';
import {
  DEFAULT_PORT,
  formatHostPort,
  parseDataPathAddress,
  parseIpPort,
} from './transport/index.ts';

const DEFAULT_POOLS = ['10.0.0.0/8'];
const DEFAULT_SUBNET_BITS = 24;
const DEFAULT_DATA_PATH_PORT = 4789;

export interface Founded {
  readonly manager: ActiveManager;
  readonly membership: Membership;
}

/** Throws `ClusterError`, and leaves files for the caller to remove. */
export async function foundCluster(
  request: InitRequest,
  options: MemberSettings,
): Promise<Founded> {
  const listen = parseIpPort(request.listenAddress, DEFAULT_PORT);
  const advertised = parseIpPort(request.advertiseAddress, listen.port);
  requireReachable(advertised.host, request.advertiseAddress);
  const vtep = parseDataPathAddress(request.dataPathAddress ?? advertised.host);
  const clusterId = createId() as ClusterId;
  const { CAConfig, EncryptionConfig } = request.spec;
  const authority = await firstAuthority(CAConfig, clusterId, options.clock.wallMs());
  const dataKeys = [createDataKey()];
  const unlockKey = EncryptionConfig.AutoLockManagers ? createUnlockKey() : undefined;
  const identity = await createManagerIdentity(request, { authority, clusterId, options });
  const { directory, clock, logger, metrics, tuning } = options;
  const peerId = createPeerId(identity.nodeId);
  const parts = { identity, peerId, dataKeys, listen, clock, logger, metrics, tuning };
  const manager = await ActiveManager.create(
    { directory: join(directory, 'log'), ...parts },
    'found',
  );
  try {
    await manager.listen();
    // Port 0 asks the kernel for one; only then does this differ from what was asked for.
    const port = advertised.port === 0 ? manager.port : advertised.port;
    const advertiseAddress = formatHostPort({ host: advertised.host, port });
    const membership: Membership = {
      ...identity,
      dataKeys,
      peerId,
      ...(unlockKey !== undefined && { unlockKey }),
      advertiseAddress,
      listenAddress: formatHostPort({ host: listen.host, port: manager.port }),
      dataPathAddress: request.dataPathAddress,
      managers: [advertiseAddress],
    };
    const atMs = clock.wallMs();
    await required(manager, createCommand(request, { authority, clusterId, unlockKey, atMs }));
    await required(manager, {
      type: 'node.register',
      atMs,
      id: identity.nodeId,
      role: 'manager',
      description: await options.localNode.description(),
      address: advertised.host,
      vtep,
    });
    const { nodeId: id } = identity;
    const part = { address: advertiseAddress, peerId };
    await required(manager, { type: 'node.manager', atMs, id, manager: part });
    await setAvailability(manager, { request, membership, atMs });
    return { manager, membership };
  } catch (error) {
    await manager.close();
    throw error;
  }
}

interface Founding {
  readonly authority: Authority;
  readonly clusterId: ClusterId;
}

async function createManagerIdentity(
  request: InitRequest,
  founding: Founding & { readonly options: MemberSettings },
): Promise<Identity> {
  const { authority, clusterId, options } = founding;
  const nodeId = createNodeId();
  const { keyPem, requestPem } = await createNodeKey();
  const cluster = {
    id: clusterId,
    spec: request.spec,
    caCertificatePem: authority.certificatePem,
    caKeyPem: authority.keyPem,
  };
  const certificatePem = await certify(cluster, {
    subject: { nodeId, role: 'manager' },
    requestPem,
    nowMs: options.clock.wallMs(),
    access: undefined,
    logger: options.logger,
  });
  const authorityPem = authority.certificatePem;
  return { clusterId, nodeId, role: 'manager', authorityPem, certificatePem, keyPem };
}

function createCommand(
  request: InitRequest,
  founding: Founding & { readonly atMs: number; readonly unlockKey: string | undefined },
): Command {
  const { authority, clusterId, unlockKey, atMs } = founding;
  return {
    type: 'cluster.create',
    atMs,
    ingressId: createId() as NetworkId,
    cluster: {
      id: clusterId,
      spec: withoutRoot(request.spec),
      addressPools: request.addressPools ?? DEFAULT_POOLS,
      subnetBits: request.subnetBits ?? DEFAULT_SUBNET_BITS,
      dataPathPort: request.dataPathPort ?? DEFAULT_DATA_PATH_PORT,
      caCertificatePem: authority.certificatePem,
      caKeyPem: authority.keyPem,
      caForceRotate: request.spec.CAConfig.ForceRotate ?? 0,
      joinSecrets: { worker: createJoinSecret(), manager: createJoinSecret() },
      ...(unlockKey !== undefined && { unlockKey }),
    },
  };
}

async function setAvailability(
  manager: ActiveManager,
  { request, membership, atMs }: { request: InitRequest; membership: Membership; atMs: number },
): Promise<void> {
  const node = manager.store.nodes.get(membership.nodeId);
  if (node === undefined || request.availability === 'active') return;
  await required(manager, {
    type: 'node.update',
    atMs,
    id: node.id,
    version: node.meta.revision,
    spec: { ...node.spec, Availability: request.availability },
  });
}

async function required(manager: ActiveManager, command: Command): Promise<void> {
  const outcome = await manager.propose(command);
  if (outcome.ok) return;
  throw new ClusterError({ code: 'invalid-request' }, outcome.refusal.message);
}

/** Others must be able to reach it: an address that names no machine cannot be advertised. */
function requireReachable(host: string, text: string): void {
  const isUnspecified = host === '0.0.0.0' || host === '::';
  if (isIP(host) !== 0 && !isUnspecified) return;
  const known = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => !address.internal)
    .map((address) => address.address);
  throw new ClusterError(
    { code: 'invalid-address', address: text },
    `cannot advertise "${text}": other nodes must reach this one there. Addresses of this node: ` +
      known.join(', '),
  );
}
