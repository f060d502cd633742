import { ipv4, macOfIpv4 } from '../../base/index.ts';
import {
  TASK_STATE_ORDER,
  isTerminal,
  type Attachment,
  type NodeId,
  type Service,
  type Task,
  type TaskId,
  type TaskSpec,
  type TaskStatus,
} from '../../model/index.ts';
import type { Command, NewTask, Refusal } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { isSameJson } from '../equal.ts';
import { releaseAddress, takeAddress } from './addresses.ts';
import { hostPorts, taskNetworkIds } from './service.ts';

type Change = Extract<Command, { type: 'tasks.change' }>;
type Report = Extract<Command, { type: 'tasks.report' }>;

/** Longest text kept of a status: nodes write it, managers store it. */
const STATUS_TEXT_MAX = 1024;

const DESIRED_ORDER: readonly Task['desiredState'][] = ['ready', 'running', 'shutdown', 'remove'];

/**
 * The orchestrator's decisions. They were made on a slightly older state: whatever no longer fits
 * (a service, node or task that is gone) is passed over, and the orchestrator, which sees the new
 * state, decides again.
 */
export function applyTasksChange(draft: Draft, command: Change): Refusal | undefined {
  for (const create of command.creates) createTask(draft, create);
  for (const { id, nodeId } of command.places) placeTask(draft, id, nodeId);
  for (const { id, desiredState } of command.desires) desireTask(draft, id, desiredState);
  for (const { id, status } of command.statuses) setStatus(draft, id, status);
  for (const id of command.removes) if (draft.state.tasks.has(id)) putTask(draft, id, undefined);
  return undefined;
}

/** A node's word on its own tasks. */
export function applyTasksReport(draft: Draft, command: Report): Refusal | undefined {
  for (const { id, status } of command.statuses) {
    if (draft.state.tasks.get(id)?.nodeId === command.nodeId) setStatus(draft, id, status);
  }
  return undefined;
}

/** Whether the task keeps its addresses from others: it has some, and has not ended. */
export function holdsAddresses(task: Task): boolean {
  return task.attachments.length > 0 && !isTerminal(task.status.state);
}

function createTask(draft: Draft, create: NewTask): void {
  const service = draft.state.services.get(create.serviceId);
  if (service === undefined || create.specVersion !== service.specVersion) return;
  if (draft.state.tasks.has(create.id)) return;
  if (create.nodeId !== undefined && !draft.state.nodes.has(create.nodeId)) return;
  const pending: Task = {
    id: create.id,
    meta: draft.meta(),
    serviceId: service.id,
    serviceName: service.spec.Name,
    slot: create.slot,
    spec: sharedSpec(service, create.spec),
    specVersion: create.specVersion,
    desiredState: create.desiredState,
    status: pendingStatus(draft, create.reason),
    attachments: [],
    hostPorts: hostPorts(service),
    ...(create.startAfterMs !== undefined && { startAfterMs: create.startAfterMs }),
  };
  putTask(draft, create.id, create.nodeId ? assign(draft, pending, create.nodeId) : pending);
}

function placeTask(draft: Draft, id: TaskId, nodeId: NodeId): void {
  const task = draft.state.tasks.get(id);
  if (task === undefined || task.nodeId !== undefined || isTerminal(task.status.state)) return;
  if (!draft.state.nodes.has(nodeId)) return;
  const after = assign(draft, task, nodeId);
  if (!isSameJson(after.status.error, task.status.error) || after.nodeId !== undefined)
    putTask(draft, id, after);
}

function desireTask(draft: Draft, id: TaskId, desiredState: Task['desiredState']): void {
  const task = draft.state.tasks.get(id);
  if (task === undefined) return;
  if (DESIRED_ORDER.indexOf(desiredState) <= DESIRED_ORDER.indexOf(task.desiredState)) return;
  putTask(draft, id, { ...task, meta: draft.meta(task.meta), desiredState });
}

/** States only go forward, and an end is final: late and repeated reports change nothing. */
function setStatus(draft: Draft, id: TaskId, reported: TaskStatus): void {
  const task = draft.state.tasks.get(id);
  if (task === undefined || isTerminal(task.status.state)) return;
  const order = TASK_STATE_ORDER.indexOf(reported.state);
  if (order < TASK_STATE_ORDER.indexOf(task.status.state)) return;
  const status = clipped(reported);
  if (isSameJson(status, task.status)) return;
  putTask(draft, id, { ...task, meta: draft.meta(task.meta), status });
}

/**
 * Pending -> assigned with an address on each network; still pending, with the reason, when a
 * network is full.
 */
function assign(draft: Draft, task: Task, nodeId: NodeId): Task {
  const meta = draft.meta(draft.state.tasks.get(task.id)?.meta);
  const service = draft.state.services.get(task.serviceId);
  const attachments: Attachment[] = [];
  for (const networkId of service === undefined ? [] : taskNetworkIds(service)) {
    const taken = takeAddress(draft, networkId);
    if ('code' in taken) {
      for (const attachment of attachments) releaseAddress(draft, attachment);
      return { ...task, meta, status: pendingStatus(draft, taken.message) };
    }
    const aliases = task.spec.Networks?.find((to) => to.Target === networkId)?.Aliases ?? [];
    attachments.push({ ...taken, mac: macOfIpv4(ipv4(taken.address)), aliases });
  }
  const status: TaskStatus = {
    state: 'assigned',
    atMs: draft.atMs,
    message: 'scheduler assigned task to node',
  };
  return { ...task, meta, nodeId, attachments, status };
}

/**
 * The single place that writes tasks, so that addresses are free exactly when nobody holds them.
 */
function putTask(draft: Draft, id: TaskId, after: Task | undefined): void {
  const before = draft.state.tasks.get(id);
  if (before !== undefined && holdsAddresses(before) && !(after && holdsAddresses(after)))
    for (const attachment of before.attachments) releaseAddress(draft, attachment);
  draft.setTask(id, after);
}

function pendingStatus(draft: Draft, reason: string | undefined): TaskStatus {
  return {
    state: 'pending',
    atMs: draft.atMs,
    message: 'pending task scheduling',
    ...(reason !== undefined && { error: reason }),
  };
}

function clipped(status: TaskStatus): TaskStatus {
  return {
    ...status,
    message: status.message.slice(0, STATUS_TEXT_MAX),
    ...(status.error !== undefined && { error: status.error.slice(0, STATUS_TEXT_MAX) }),
  };
}

/**
 * Tasks of one service share the service's own template: ten thousand copies of it would be most of
 * the memory.
 */
function sharedSpec(service: Service, spec: TaskSpec): TaskSpec {
  return isSameJson(service.spec.TaskTemplate, spec) ? service.spec.TaskTemplate : spec;
}
