/**
 * Output of tasks, for whoever asks this manager: from their nodes while it leads and has sessions
 * with them, else through the manager that does.
 */
import type { ServerHttp2Stream } from 'node:http2';
import { messageOf, type Clock } from '../../base/index.ts';
import type { NodeId, Task, TaskId } from '../../model/index.ts';
import type { Store } from '../../store/index.ts';
import { ClusterError } from '../errors.ts';
import type { Identity } from '../identity/index.ts';
import type { TaskLogEntry, TaskLogQuery } from '../member.ts';
import {
  ClusterClient,
  DEFAULT_PORT,
  decodeJson,
  parseHostPort,
  receiveLogs,
  sendLogs,
  taskLogsSchema,
  trustOf,
  wireQueryOf,
  type RequiredPeer,
} from '../transport/index.ts';

type Read = (tasks: readonly Task[], query: TaskLogQuery) => AsyncIterable<TaskLogEntry>;

export interface TaskLogsOptions {
  readonly store: Store;
  readonly identity: () => Identity;
  readonly clock: Clock;
  readonly sync: () => Promise<void>;
  /** Reads from the nodes; undefined while another manager leads. */
  readonly fromNodes: () => Read | undefined;
  readonly leaderAddress: () => string | undefined;
}

/** How long a leader is looked for, as after an election, and between two attempts. */
const LOOK_MS = 5_000;
const RETRY_MS = 100;

export class TaskLogs {
  private readonly options: TaskLogsOptions;

  constructor(options: TaskLogsOptions) {
    this.options = options;
  }

  /** As `Manager.taskLogs`. */
  async *read(tasks: readonly Task[], query: TaskLogQuery): AsyncGenerator<TaskLogEntry> {
    const { clock } = this.options;
    const endMs = clock.monotonicMs() + LOOK_MS;
    for (;;) {
      const fromNodes = this.options.fromNodes();
      if (fromNodes !== undefined) {
        yield* fromNodes(tasks, query);
        return;
      }
      let asked: Asked;
      try {
        asked = await this.askLeader(tasks, query);
      } catch (error) {
        if (query.signal.aborted) return;
        if (clock.monotonicMs() >= endMs) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        continue;
      }
      yield* relayed(asked, query.signal);
      return;
    }
  }

  /** Another manager asks this one. Throws `ClusterError` before anything has been answered. */
  async serve(body: Buffer, stream: ServerHttp2Stream, { node }: RequiredPeer): Promise<void> {
    const { taskIds, query } = decodeJson(taskLogsSchema, body);
    const { store, sync } = this.options;
    await sync();
    // A certificate outlives the role that it was given for.
    if (node.role !== 'manager' || store.nodes.get(node.id)?.spec.Role !== 'manager')
      throw notForIt(node.id);
    const fromNodes = this.options.fromNodes();
    if (fromNodes === undefined) {
      const leader = this.options.leaderAddress();
      throw new ClusterError({ code: 'not-leader', leader }, 'this manager does not lead');
    }
    const tasks = taskIds.map((id) => store.tasks.get(id)).filter((task) => task !== undefined);
    const controller = new AbortController();
    stream.once('close', () => controller.abort());
    stream.respond({ ':status': 200 });
    await sendLogs(stream, fromNodes(tasks, { ...query, signal: controller.signal }));
  }

  private async askLeader(tasks: readonly Task[], query: TaskLogQuery): Promise<Asked> {
    const address = this.options.leaderAddress();
    if (address === undefined)
      throw new ClusterError(
        { code: 'no-leader' },
        'output of tasks is had through the managers’ leader, and there is none at present: too ' +
          'few managers hear each other',
      );
    const trust = trustOf(this.options.identity());
    const client = await ClusterClient.connect(parseHostPort(address, DEFAULT_PORT), trust);
    try {
      const taskIds = tasks.map(({ id }) => id);
      const body = { taskIds, query: wireQueryOf(query) };
      return { client, stream: await client.openStream('POST /v1/task-logs', body) };
    } catch (error) {
      client.close();
      throw error;
    }
  }
}

interface Asked {
  readonly client: ClusterClient;
  readonly stream: Awaited<ReturnType<ClusterClient['openStream']>>;
}

async function* relayed(
  { client, stream }: Asked,
  signal: AbortSignal,
): AsyncGenerator<TaskLogEntry> {
  const stop = (): void => void stream.destroy();
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    for await (const { taskId, ...entry } of receiveLogs(stream))
      if (taskId !== undefined) yield { taskId: taskId as TaskId, ...entry };
  } catch (error) {
    if (signal.aborted) return;
    const message = messageOf(error);
    throw new ClusterError({ code: 'logs-incomplete', reasons: [message] }, message, error);
  } finally {
    signal.removeEventListener('abort', stop);
    client.close();
  }
}

function notForIt(nodeId: NodeId): ClusterError {
  return new ClusterError({ code: 'forbidden' }, `node ${nodeId} is no manager of this cluster`);
}
