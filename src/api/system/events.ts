/** `GET /events`: a stream of JSON lines, past ones first. */
import { BoundedQueue } from '../../base/index.ts';
import type { Backend } from '../backend.ts';
import { parseTime } from '../containers/log-stream.ts';
import type { Exchange, Reply, Route } from '../http/exchange.ts';
import { WRITTEN } from '../http/exchange.ts';
import type { Filters } from '../http/filters.ts';
import { parseFilters } from '../http/filters.ts';
import { startStream, writeOrWait } from '../http/reply.ts';
import type { ApiEvent, EventFeed } from './event-feed.ts';
import { EVENTS_KEPT_MAX } from './event-feed.ts';

const FILTERS = [
  ...['config', 'container', 'daemon', 'event', 'image', 'label', 'network', 'node', 'plugin'],
  ...['scope', 'secret', 'service', 'type', 'volume'],
];
/** A reader that is so many events behind is cut off: it asks again with `since`. */
const BACKLOG_MAX = 4 * EVENTS_KEPT_MAX;

export function eventRoutes(backend: Backend, feed: EventFeed): readonly Route[] {
  return [
    { method: 'GET', path: '/events', handle: (exchange) => stream(backend, feed, exchange) },
  ];
}

async function stream(backend: Backend, feed: EventFeed, exchange: Exchange): Promise<Reply> {
  const filters = parseFilters(exchange.query, FILTERS);
  const nowMs = backend.clock.wallMs();
  const sinceMs = parseTime(exchange.query.get('since'), nowMs);
  const untilMs = parseTime(exchange.query.get('until'), nowMs);
  const past = feed.recent.filter((event) => sinceMs !== undefined && event.atMs >= sinceMs);
  const queue = new BoundedQueue<ApiEvent>(BACKLOG_MAX);
  for (const event of past) queue.tryPush(event);
  startStream(exchange, 'application/json');
  const reader = new EventReader(feed, queue, exchange.signal);
  const timer =
    untilMs === undefined
      ? undefined
      : setTimeout(() => reader.end(), Math.max(0, untilMs - nowMs));
  try {
    for await (const event of reader) {
      if (untilMs !== undefined && event.atMs > untilMs) continue;
      if (!isAdmitted(event, filters)) continue;
      const line = `${JSON.stringify(eventDocument(event))}\n`;
      if (!(await writeOrWait(exchange.response, line, exchange.signal))) break;
    }
  } finally {
    clearTimeout(timer);
    reader.end();
  }
  exchange.response.end();
  return WRITTEN;
}

/**
 * Events one by one, until the signal aborts, `end` is called, or the reader falls too far behind.
 */
class EventReader {
  private readonly queue: BoundedQueue<ApiEvent>;
  private readonly unsubscribe: () => void;
  private isEnded = false;
  private wake: (() => void) | undefined;

  constructor(feed: EventFeed, queue: BoundedQueue<ApiEvent>, signal: AbortSignal) {
    this.queue = queue;
    this.unsubscribe = feed.listen((event) => {
      if (!queue.tryPush(event)) this.end();
      this.wake?.();
    });
    signal.addEventListener('abort', () => this.end(), { once: true });
    if (signal.aborted) this.end();
  }

  end(): void {
    this.isEnded = true;
    this.unsubscribe();
    this.wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ApiEvent> {
    for (;;) {
      const event = this.queue.shift();
      if (event) yield event;
      else if (this.isEnded) return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}

function isAdmitted(event: ApiEvent, filters: Filters): boolean {
  const names = (wanted: string): boolean =>
    event.id.startsWith(wanted) || event.attributes['name'] === wanted;
  const ofType = (type: string): boolean =>
    filters.admits(type, (wanted) => event.type === type && names(wanted));
  const [base] = (event.attributes['image'] ?? '').split(':');
  return (
    filters.admits('type', (wanted) => event.type === wanted) &&
    filters.admits('event', (wanted) => event.action === wanted) &&
    filters.admits('scope', (wanted) => event.scope === wanted) &&
    ['container', 'network', 'node', 'service'].every(ofType) &&
    filters.admits(
      'image',
      (wanted) => event.attributes['image'] === wanted || (base !== '' && base === wanted),
    ) &&
    ['config', 'daemon', 'plugin', 'secret', 'volume'].every((type) => !filters.has(type)) &&
    filters.admitsLabels('label', event.attributes)
  );
}

function eventDocument(event: ApiEvent): object {
  const isContainer = event.type === 'container';
  return {
    ...(isContainer
      ? { status: event.action, id: event.id, from: event.attributes['image'] ?? '' }
      : {}),
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.id, Attributes: event.attributes },
    scope: event.scope,
    time: Math.floor(event.atMs / 1000),
    timeNano: Math.floor(event.atMs) * 1_000_000,
  };
}
