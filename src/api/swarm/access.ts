/**
 * The way to a manager's state: who may, how objects are found by what people type, how changes are
 * proposed.
 */
import { CodedError } from '../../base/index.ts';
import type { Manager } from '../../cluster/index.ts';
import type { Cluster } from '../../model/index.ts';
import type { Command, Refusal } from '../../store/index.ts';
import type { Backend } from '../backend.ts';
import { badRequest, notFound, unavailable } from '../http/errors.ts';

const HINT_INACTIVE =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect ' +
  'this node to swarm ' +
  'and try again.';
const HINT_WORKER =
  "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster " +
  'state. Please run this ' +
  'command on a manager node or promote the current node to a manager.';
const HINT_PREPARING =
  'This node is not a swarm manager. Manager is being prepared or has trouble connecting to the ' +
  'cluster.';

const HINT_LOCKED =
  'Swarm is encrypted and needs to be unlocked before it can be used. Please use "docker swarm ' +
  'unlock" to unlock it.';

/** A command that the store did not take. */
export class RefusedError extends CodedError<{ readonly code: Refusal['code'] }> {}

/**
 * This node's hold on the cluster's state. Throws `ApiError` (503, Docker's texts) where it has
 * none.
 */
export function managerOf(backend: Backend): Manager {
  const { manager } = backend.member;
  if (manager) return manager;
  const { state, role } = backend.member.status();
  if (state === 'inactive') throw unavailable(HINT_INACTIVE);
  if (state === 'locked') throw unavailable(HINT_LOCKED);
  throw unavailable(role === 'manager' ? HINT_PREPARING : HINT_WORKER);
}

/** The cluster object, which exists on every manager that has heard of it. */
export function clusterOf(manager: Manager): Cluster {
  const { cluster } = manager.store;
  if (!cluster) throw unavailable(HINT_PREPARING);
  return cluster;
}

type CommandBody = Command extends infer Each
  ? Each extends Command
    ? Omit<Each, 'atMs'>
    : never
  : never;

/**
 * Proposes a change and waits until it is durable. Throws `RefusedError` when the state did not
 * take it.
 */
export async function propose(backend: Backend, body: CommandBody): Promise<void> {
  const command = { ...body, atMs: backend.clock.wallMs() } as Command;
  const outcome = await managerOf(backend).propose(command);
  if (!outcome.ok) throw new RefusedError({ code: outcome.refusal.code }, outcome.refusal.message);
}

/**
 * Finds what a person typed: the id, else the exact name, else the only id that starts so. Throws
 * `ApiError` in Docker's words when there is none or more than one.
 */
export function findOne<Row>(
  kind: string,
  reference: string,
  table: { lookup(reference: string): readonly Row[] },
): Row {
  const found = table.lookup(reference);
  if (found.length > 1) {
    throw badRequest(`${kind} ${reference} is ambiguous (${found.length} matches found)`);
  }
  const row = found[0];
  if (row === undefined) throw notFound(`${kind} ${reference} not found`);
  return row;
}

/**
 * `version=` of an update: the revision of the object that the client changed. Throws `ApiError`.
 */
export function versionOf(query: URLSearchParams): number {
  const text = query.get('version') ?? '';
  if (!/^[0-9]{1,15}$/.test(text)) throw badRequest(`invalid version '${text.slice(0, 40)}'`);
  return Number(text);
}

/** Milliseconds since the epoch as Docker writes times. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}

/** Go's zero time, which clients understand as "never". */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

/** The fields that every object of the cluster starts with. */
export function metaDocument(object: {
  readonly id: string;
  readonly meta: {
    readonly revision: number;
    readonly createdAtMs: number;
    readonly updatedAtMs: number;
  };
}): object {
  return {
    ID: object.id,
    Version: { Index: object.meta.revision },
    CreatedAt: rfc3339(object.meta.createdAtMs),
    UpdatedAt: rfc3339(object.meta.updatedAtMs),
  };
}
