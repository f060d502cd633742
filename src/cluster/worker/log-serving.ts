/** Serves managers' requests for output of this node's tasks, a bounded number at a time. */
import { messageOf, type Logger } from '../../base/index.ts';
import type { LocalNode, TaskLogEntry } from '../member.ts';
import type { ManagerMessage } from '../transport/index.ts';

type LogsRequest = Extract<ManagerMessage, { type: 'logs' }>;

/**
 * Sends all entries of a request; resolves when they are sent or nobody wants them any more, and
 * then aborts.
 */
export type UploadLogs = (
  requestId: string,
  entries: AsyncIterable<Omit<TaskLogEntry, 'taskId'>>,
  controller: AbortController,
) => Promise<void>;

export interface LogServingOptions {
  readonly localNode: LocalNode;
  readonly upload: UploadLogs;
  readonly logger: Logger;
}

const REQUESTS_MAX = 256;

export class LogServing {
  private readonly options: LogServingOptions;
  private readonly active = new Map<string, AbortController>();

  constructor(options: LogServingOptions) {
    this.options = options;
  }

  serve(request: LogsRequest): void {
    if (this.active.has(request.requestId)) return;
    const controller = new AbortController();
    this.active.set(request.requestId, controller);
    void this.run(request, controller);
  }

  cancel(requestId: string): void {
    this.active.get(requestId)?.abort();
  }

  cancelAll(): void {
    for (const controller of this.active.values()) controller.abort();
  }

  private async run(request: LogsRequest, controller: AbortController): Promise<void> {
    const { requestId } = request;
    try {
      await this.options.upload(requestId, this.entriesOf(request, controller), controller);
    } catch (error) {
      const fields = { taskId: request.taskId, error: messageOf(error) };
      this.options.logger.debug(fields, "a task's output could not be sent");
    } finally {
      this.active.delete(requestId);
      controller.abort();
    }
  }

  private async *entriesOf(
    { taskId, query }: LogsRequest,
    controller: AbortController,
  ): AsyncGenerator<Omit<TaskLogEntry, 'taskId'>> {
    if (this.active.size > REQUESTS_MAX) throw new Error('the node serves too many logs already');
    const { tailLines, sinceMs, ...rest } = query;
    yield* this.options.localNode.taskLogs(taskId, {
      ...rest,
      ...(tailLines !== undefined && { tailLines }),
      ...(sinceMs !== undefined && { sinceMs }),
      signal: controller.signal,
    });
  }
}
