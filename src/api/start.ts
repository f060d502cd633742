/** Brings the API up on its unix socket, and down again. */
import { chmod, chown, mkdtemp, readFile, rename, rm, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { CodedError } from '../base/index.ts';
import type { Logger } from '../base/index.ts';
import type { Backend } from './backend.ts';
import { containerRoutes } from './containers/containers.ts';
import { execRoutes } from './exec/exec.ts';
import { imageRoutes } from './images/images.ts';
import type { Route } from './http/exchange.ts';
import { Router } from './http/router.ts';
import type { HttpCounters, HttpLimits } from './http/server.ts';
import { HTTP_LIMITS, createHttpServer } from './http/server.ts';
import { networkRoutes } from './networks/networks.ts';
import { serviceRoutes } from './services/services.ts';
import { taskLogRoutes } from './services/task-logs.ts';
import { taskRoutes } from './services/tasks.ts';
import { membershipRoutes, swarmRoutes } from './swarm/cluster.ts';
import { linearizable } from './swarm/linearizable.ts';
import { nodeRoutes } from './swarm/nodes.ts';
import { EventFeed } from './system/event-feed.ts';
import { eventRoutes } from './system/events.ts';
import { systemRoutes } from './system/system.ts';
import { volumeRoutes } from './system/volumes.ts';

export interface ApiOptions {
  /** Path of the unix socket; what is there and answers no one is replaced. */
  readonly path: string;
  /** Group that may use the socket beside root; ignored when the machine has no such group. */
  readonly group?: string;
  readonly backend: Backend;
  readonly logger: Logger;
  /** Default `HTTP_LIMITS`. */
  readonly limits?: HttpLimits;
}

export interface Api {
  readonly path: string;
  readonly counters: Readonly<HttpCounters>;
  /** Ends every request under way and removes the socket. */
  close(): Promise<void>;
}

/** The socket cannot be had: another process answers on it, or its directory cannot be written. */
export class ApiStartError extends CodedError<{
  readonly code: 'address-in-use' | 'listen-failed';
  readonly path: string;
}> {}

const SOCKET_MODE = 0o660;

export async function startApi(options: ApiOptions): Promise<Api> {
  const { backend, logger, path } = options;
  if (await isAnswered(path)) {
    throw new ApiStartError(
      { code: 'address-in-use', path },
      `another process answers on ${path}: stop it, or choose another --api`,
    );
  }
  const feed = new EventFeed(backend);
  const { server, abort, counters } = createHttpServer({
    router: new Router(allRoutes(backend, feed)),
    logger,
    serverName: `Hawser/${backend.facts().version} (linux)`,
    limits: options.limits ?? HTTP_LIMITS,
  });
  const close = async (): Promise<void> => {
    feed.close();
    await closeServer(server, abort, path);
  };
  try {
    await listen(server, path, options.group ?? 'hawser');
  } catch (error) {
    feed.close();
    server.close();
    throw new ApiStartError({ code: 'listen-failed', path }, `cannot listen on ${path}`, error);
  }
  return { path, counters, close };
}

function allRoutes(backend: Backend, feed: EventFeed): readonly Route[] {
  return [
    // Of this node: these answer whatever the other managers do.
    ...systemRoutes(backend),
    ...volumeRoutes(backend),
    ...eventRoutes(backend, feed),
    ...membershipRoutes(backend),
    ...imageRoutes(backend),
    ...containerRoutes(backend),
    ...execRoutes(backend),
    ...linearizable(backend, [
      ...swarmRoutes(backend),
      ...nodeRoutes(backend),
      ...networkRoutes(backend),
      ...serviceRoutes(backend),
      ...taskRoutes(backend),
      ...taskLogRoutes(backend),
    ]),
  ];
}

/** Whether a living process accepts connections there. */
async function isAnswered(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/**
 * Listens in a directory that only this user enters, sets owner and mode there, and then moves the
 * socket into place: so it is never open to more than it shall be, and a dead one is replaced in
 * one step.
 */
async function listen(server: Server, path: string, group: string): Promise<void> {
  const nursery = await mkdtemp(join(dirname(path), '.api'));
  const temporary = join(nursery, 's');
  try {
    server.listen(temporary);
    await once(server, 'listening');
    const gid = await groupId(group);
    if (gid !== undefined) await chown(temporary, -1, gid);
    await chmod(temporary, SOCKET_MODE);
    await rename(temporary, path);
  } finally {
    await rm(nursery, { recursive: true, force: true });
  }
}

async function groupId(name: string): Promise<number | undefined> {
  const text = await readFile('/etc/group', 'utf8').catch(() => '');
  const line = text.split('\n').find((each) => each.startsWith(`${name}:`));
  return line === undefined ? undefined : Number(line.split(':')[2]);
}

async function closeServer(server: Server, abort: () => void, path: string): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  abort();
  await unlink(path).catch(() => undefined);
  server.closeAllConnections();
  await closed;
}
