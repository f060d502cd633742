/**
 * `swarm/*`: this node's part (init, join, leave, unlock), and the cluster's settings (update, join
 * tokens, the authority, the unlock key).
 */
import { isIPv6 } from 'node:net';
import { parseClusterSpec, type ClusterSpec, type Revision } from '../../model/index.ts';
import type { InitRequest, JoinRequest, Manager } from '../../cluster/index.ts';
import type { Backend } from '../backend.ts';
import { readJsonObject } from '../http/body.ts';
import { badRequest, unavailable } from '../http/errors.ts';
import type { Exchange, Reply, Route } from '../http/exchange.ts';
import { OK_EMPTY, flag, json } from '../http/exchange.ts';
import { clusterOf, managerOf, propose, versionOf } from './access.ts';
import { clusterDocument } from './cluster-documents.ts';

/** Where managers listen when nothing else is said. */
const CLUSTER_PORT = 2377;

type Document = Readonly<Record<string, unknown>>;

/** This node's part in a cluster. They answer on any node, and while managers do not. */
export function membershipRoutes(backend: Backend): readonly Route[] {
  return [
    { method: 'POST', path: '/swarm/init', handle: (exchange) => init(backend, exchange) },
    { method: 'POST', path: '/swarm/join', handle: (exchange) => join(backend, exchange) },
    { method: 'POST', path: '/swarm/leave', handle: (exchange) => leave(backend, exchange) },
    { method: 'POST', path: '/swarm/unlock', handle: (exchange) => unlock(backend, exchange) },
  ];
}

/** The cluster's settings. */
export function swarmRoutes(backend: Backend): readonly Route[] {
  return [
    { method: 'GET', path: '/swarm', handle: () => inspect(backend) },
    { method: 'POST', path: '/swarm/update', handle: (exchange) => update(backend, exchange) },
    { method: 'GET', path: '/swarm/unlockkey', handle: () => unlockKey(backend) },
  ];
}

function inspect(backend: Backend): Reply {
  const manager = managerOf(backend);
  const tokens = manager.joinTokens();
  return json({
    ...clusterDocument(clusterOf(manager)),
    JoinTokens: { Worker: tokens.worker, Manager: tokens.manager },
  });
}

async function init(backend: Backend, exchange: Exchange): Promise<Reply> {
  const document = await readJsonObject(exchange);
  const { state, role, advertiseAddress: known } = backend.member.status();
  // Without a cluster there is no state to go on with: this is an init like any other.
  if (state === 'inactive') return json(await backend.member.init(initRequest(backend, document)));
  if (document['ForceNewCluster'] !== true) throw alreadyMember();
  if (state === 'locked' || role !== 'manager') managerOf(backend);
  const isAsked = text(document, 'AdvertiseAddr') !== '';
  const addressed = isAsked ? document : { ...document, AdvertiseAddr: known ?? '' };
  const request = initRequest(backend, addressed);
  return json(await backend.member.init({ ...request, isForcedNew: true }));
}

function initRequest(backend: Backend, document: Document): InitRequest {
  const pools = document['DefaultAddrPool'];
  if (pools !== undefined && pools !== null && !isStrings(pools)) {
    throw badRequest('DefaultAddrPool: a list of IPv4 prefixes is expected');
  }
  const subnetBits = wholeNumber(document, 'SubnetSize');
  const dataPathPort = wholeNumber(document, 'DataPathPort');
  return {
    ...addressesOf(backend, document),
    advertiseAddress: advertiseAddress(backend, document),
    ...(pools && pools.length > 0 ? { addressPools: pools } : {}),
    ...(subnetBits ? { subnetBits } : {}),
    ...(dataPathPort ? { dataPathPort } : {}),
    spec: initialSpec(document),
    availability: availabilityOf(document),
  };
}

/** Locking is asked for beside the spec as well as in it. */
function initialSpec(document: Document): ClusterSpec {
  const spec = parseClusterSpec(document['Spec']);
  if (document['AutoLockManagers'] !== true) return spec;
  return { ...spec, EncryptionConfig: { AutoLockManagers: true } };
}

async function join(backend: Backend, exchange: Exchange): Promise<Reply> {
  const document = await readJsonObject(exchange);
  if (backend.member.status().state !== 'inactive') throw alreadyMember();
  const remoteAddresses = document['RemoteAddrs'];
  if (!isStrings(remoteAddresses) || remoteAddresses.length === 0) {
    throw badRequest('at least 1 RemoteAddr is required to join');
  }
  const token = text(document, 'JoinToken');
  if (token === '') throw badRequest('JoinToken: a join token is required');
  const advertise = tryAdvertiseAddress(backend, document);
  const request: JoinRequest = {
    ...addressesOf(backend, document),
    ...(advertise === undefined ? {} : { advertiseAddress: advertise }),
    remoteAddresses: remoteAddresses.map(withPort),
    token,
    availability: availabilityOf(document),
  };
  await backend.member.join(request);
  return OK_EMPTY;
}

function addressesOf(
  backend: Backend,
  document: Document,
): { listenAddress: string; dataPathAddress?: string } {
  const { addresses } = backend;
  const listen = text(document, 'ListenAddr');
  const dataPath = text(document, 'DataPathAddr');
  // The CLI's own default is no wish: the agent's setting stands.
  const isOpen = listen === '' || listen === '0.0.0.0:2377';
  const data =
    dataPath === '' ? addresses.dataPathAddress : addresses.parse('DataPathAddr', dataPath).ip;
  return {
    listenAddress: isOpen ? addresses.listenAddress : parsedAddress(backend, 'ListenAddr', listen),
    ...(data === undefined ? {} : { dataPathAddress: data }),
  };
}

function parsedAddress(backend: Backend, field: string, value: string): string {
  const { ip, port } = backend.addresses.parse(field, value);
  if (port === undefined) return ip;
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** `docker swarm join` may leave the port out. */
function withPort(address: string): string {
  if (isIPv6(address)) return `[${address}]:${CLUSTER_PORT}`;
  return /:[0-9]+$/.test(address) ? address : `${address}:${CLUSTER_PORT}`;
}

function tryAdvertiseAddress(backend: Backend, document: Document): string | undefined {
  const asked = text(document, 'AdvertiseAddr');
  return asked === ''
    ? backend.addresses.advertiseAddress()
    : parsedAddress(backend, 'AdvertiseAddr', asked);
}

function advertiseAddress(backend: Backend, document: Document): string {
  const address = tryAdvertiseAddress(backend, document);
  if (address !== undefined) return address;
  throw badRequest(
    'could not choose an IP address to advertise since this system has none or several ' +
      'addresses - specify one with ' +
      '--advertise-addr',
  );
}

async function leave(backend: Backend, exchange: Exchange): Promise<Reply> {
  const isForced = flag(exchange.query, 'force');
  if (backend.member.status().state === 'inactive') {
    throw unavailable('This node is not part of a swarm');
  }
  if (backend.member.status().state === 'locked' && !isForced) {
    throw unavailable(
      'Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this ' +
        'message.',
    );
  }
  if (backend.member.status().role === 'manager' && !isForced) {
    throw unavailable(leaveWarning(backend.member.manager));
  }
  await backend.member.leave(isForced);
  return OK_EMPTY;
}

/** Docker's words: what it means when this manager leaves without having been demoted. */
function leaveWarning(manager: Manager | undefined): string {
  const start =
    'You are attempting to leave the swarm on a node that is participating as a manager. ';
  const end =
    'The only way to restore a swarm that has lost consensus is to reinitialize it with ' +
    '`--force-new-cluster`. Use `--force` to suppress this message.';
  if (manager === undefined) {
    return `${start}Doing so may lose the consensus of your cluster. ${end}`;
  }
  const managers = manager.managers();
  if (managers.length === 1) {
    return (
      `${start}Removing the last manager erases all current state of the swarm. ` +
      'Use `--force` to ignore this message. '
    );
  }
  const reachable = managers.filter(({ reachability }) => reachability !== 'unreachable').length;
  if (reachable - 2 > managers.length - reachable) return start + end;
  return (
    `${start}Removing this node leaves ${reachable - 1} managers out of ${managers.length}. ` +
    `Without a Raft quorum your swarm will be inaccessible. ${end}`
  );
}

async function update(backend: Backend, exchange: Exchange): Promise<Reply> {
  const manager = managerOf(backend);
  const document = await readJsonObject(exchange);
  const update = await manager.planUpdate({
    version: versionOf(exchange.query) as Revision,
    spec: parseClusterSpec(document),
    rotate: {
      workerToken: flag(exchange.query, 'rotateWorkerToken'),
      managerToken: flag(exchange.query, 'rotateManagerToken'),
      unlockKey: flag(exchange.query, 'rotateManagerUnlockKey'),
    },
  });
  await propose(backend, update);
  return OK_EMPTY;
}

/** Empty while managers are not locked, as Docker has it. */
function unlockKey(backend: Backend): Reply {
  return json({ UnlockKey: clusterOf(managerOf(backend)).unlockKey ?? '' });
}

async function unlock(backend: Backend, exchange: Exchange): Promise<Reply> {
  const document = await readJsonObject(exchange);
  // A locked manager is the one state in which there is no manager and no refusal.
  if (backend.member.status().state !== 'locked') managerOf(backend);
  await backend.member.unlock(text(document, 'UnlockKey'));
  return OK_EMPTY;
}

function alreadyMember(): Error {
  return unavailable(
    'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and ' +
      'join another one.',
  );
}

function availabilityOf(document: Document): InitRequest['availability'] {
  const value = text(document, 'Availability') || 'active';
  if (value === 'active' || value === 'pause' || value === 'drain') return value;
  throw badRequest(`invalid Availability: ${JSON.stringify(value)}`);
}

function text(document: Document, key: string): string {
  const value = document[key] ?? '';
  if (typeof value !== 'string') throw badRequest(`${key}: a string is expected`);
  return value;
}

function wholeNumber(document: Document, key: string): number {
  const value = document[key] ?? 0;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw badRequest(`${key}: a whole number is expected`);
  }
  return value;
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
