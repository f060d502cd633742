/**
 * Brings tasks' output from their nodes: asks over the node's session, gets it on a stream of its
 * own, whose flow control reaches from the reader here to the file there. A request nobody reads
 * any more is cancelled on its node.
 */
import { messageOf } from '../../../base/index.ts';
import type { NodeId, Task } from '../../../model/index.ts';
import type { TaskLogEntry, TaskLogQuery } from '../../member.ts';
import { ClusterError } from '../../errors.ts';
import type { WireLogQuery } from '../../transport/index.ts';
import type { NodeSession } from './node-session.ts';
import { merged, type Source } from './merged.ts';
import { createId } from '../join-desk.ts';

export type NodeLogEntry = Omit<TaskLogEntry, 'taskId'>;

/** What a node sends for one request. */
export interface LogUpload {
  readonly entries: AsyncIterable<NodeLogEntry>;
  cancel(): void;
}

interface Request {
  readonly nodeId: NodeId;
  answer(upload: LogUpload): void;
  fail(error: Error): void;
}

const REQUESTS_MAX = 4_096;
const ANSWER_MS = 10_000;

export class LogBroker {
  private readonly sessionOf: (nodeId: NodeId) => NodeSession | undefined;
  private readonly requests = new Map<string, Request>();

  constructor(sessionOf: (nodeId: NodeId) => NodeSession | undefined) {
    this.sessionOf = sessionOf;
  }

  /**
   * Throws `ClusterError` with code `logs-incomplete` at the end when output of some task could not
   * be had; what could be had has been yielded before.
   */
  async *logs(tasks: readonly Task[], query: TaskLogQuery): AsyncGenerator<TaskLogEntry> {
    const reasons: string[] = [];
    const sources = tasks.map((task) => this.source(task, query));
    const failed = (position: number, error: unknown): void => {
      reasons.push(`task ${tasks[position]?.id ?? ''}: ${messageOf(error)}`);
    };
    yield* merged(sources, { signal: query.signal, failed });
    if (reasons.length === 0 || query.signal.aborted) return;
    throw new ClusterError(
      { code: 'logs-incomplete', reasons },
      `incomplete log stream. some logs could not be retrieved for the following reasons: ` +
        reasons.join(', '),
    );
  }

  /**
   * Takes what a node sends for a request of this broker; false when nobody waits for it from this
   * node.
   */
  tryAccept(requestId: string, nodeId: NodeId, upload: LogUpload): boolean {
    const request = this.requests.get(requestId);
    if (request?.nodeId !== nodeId) return false;
    this.requests.delete(requestId);
    request.answer(upload);
    return true;
  }

  /** The node's session is gone: what was asked over it will not be answered. */
  nodeGone(nodeId: NodeId): void {
    for (const [requestId, request] of this.requests) {
      if (request.nodeId !== nodeId) continue;
      this.requests.delete(requestId);
      request.fail(unavailable(nodeId));
    }
  }

  private source(task: Task, query: TaskLogQuery): Source<TaskLogEntry> {
    const requestId = createId();
    let upload: LogUpload | undefined;
    let isCancelled = false;
    const cancel = (): void => {
      if (isCancelled) return;
      isCancelled = true;
      upload?.cancel();
      this.cancelRequest(requestId, task);
    };
    const start = async (): Promise<LogUpload> => {
      upload = await this.request(requestId, task, query);
      if (isCancelled) upload.cancel();
      return upload;
    };
    return { items: entriesOf(task, start), cancel };
  }

  private async request(requestId: string, task: Task, query: TaskLogQuery): Promise<LogUpload> {
    const { nodeId } = task;
    if (nodeId === undefined) throw new Error('it has not been placed on a node');
    const session = this.sessionOf(nodeId);
    if (session?.isOpen !== true) throw unavailable(nodeId);
    if (this.requests.size >= REQUESTS_MAX) throw new Error('too many logs are being asked for');
    return new Promise<LogUpload>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.requests.delete(requestId);
        reject(unavailable(nodeId));
      }, ANSWER_MS);
      this.requests.set(requestId, {
        nodeId,
        answer(upload) {
          clearTimeout(timer);
          resolve(upload);
        },
        fail(error) {
          clearTimeout(timer);
          reject(error);
        },
      });
      session.send({ type: 'logs', requestId, taskId: task.id, query: wireQuery(query) });
    });
  }

  private cancelRequest(requestId: string, task: Task): void {
    const request = this.requests.get(requestId);
    this.requests.delete(requestId);
    request?.fail(new Error('cancelled'));
    if (task.nodeId !== undefined)
      this.sessionOf(task.nodeId)?.send({ type: 'logs-cancel', requestId });
  }
}

async function* entriesOf(
  task: Task,
  start: () => Promise<LogUpload>,
): AsyncGenerator<TaskLogEntry> {
  const upload = await start();
  try {
    for await (const entry of upload.entries) yield { taskId: task.id, ...entry };
  } finally {
    upload.cancel();
  }
}

function wireQuery(query: TaskLogQuery): WireLogQuery {
  const { wantStdout, wantStderr, isFollowing, tailLines, sinceMs } = query;
  return { wantStdout, wantStderr, isFollowing, tailLines, sinceMs };
}

function unavailable(nodeId: NodeId): Error {
  return new Error(`node ${nodeId} is not available`);
}
