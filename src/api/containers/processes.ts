/** `containers/{id}/top` and `/stats`: what /proc and the cgroups say of a container. */
import { readFile, readdir, readlink } from 'node:fs/promises';
import type { ContainerStatus } from '../../runtime/index.ts';
import type { Backend } from '../backend.ts';
import { conflict, notImplemented } from '../http/errors.ts';
import type { Exchange, Reply } from '../http/exchange.ts';
import { WRITTEN, flag, json, param } from '../http/exchange.ts';
import { startStream, writeOrWait } from '../http/reply.ts';
import { rfc3339 } from '../swarm/access.ts';
import { findContainer, findRunning } from './lookup.ts';
import type { Usage } from './usage.ts';
import { readUsage, usageDocument } from './usage.ts';

const TITLES = ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'];
/** USER_HZ: the unit of times in /proc, fixed by the kernel's ABI. */
const TICKS_PER_SECOND = 100;
const STATS_INTERVAL_MS = 1_000;

export async function topRoute(backend: Backend, exchange: Exchange): Promise<Reply> {
  const { container } = findRunning(backend, param(exchange, 'id'));
  const options = exchange.query.get('ps_args') ?? '';
  if (options !== '' && options !== '-ef') {
    throw notImplemented('docker top with options of ps is not available: leave them out');
  }
  const pids = await pidsOf(container);
  const rows = await Promise.all(pids.map(processRow));
  return json({ Titles: TITLES, Processes: rows.filter((row) => row !== undefined) });
}

/** Processes of the container's pid namespace, which those of an exec share. */
async function pidsOf(container: ContainerStatus): Promise<readonly number[]> {
  const namespaceOf = (pid: number): Promise<string | undefined> =>
    readlink(`/proc/${pid}/ns/pid`).catch(() => undefined);
  const wanted = container.pid === undefined ? undefined : await namespaceOf(container.pid);
  if (wanted === undefined) throw conflict(`container ${container.id} is not running`);
  const entries = await readdir('/proc');
  const all = entries.filter((name) => /^[0-9]+$/.test(name)).map(Number);
  const namespaces = await Promise.all(all.map(namespaceOf));
  return all.filter((_, index) => namespaces[index] === wanted).sort((a, b) => a - b);
}

/** A line as `ps -ef` prints it; `undefined` when the process ended meanwhile. */
async function processRow(pid: number): Promise<readonly string[] | undefined> {
  try {
    const [stat, status, command, uptime] = await Promise.all(
      [`${pid}/stat`, `${pid}/status`, `${pid}/cmdline`, 'uptime'].map((name) =>
        readFile(`/proc/${name}`, 'utf8'),
      ),
    );
    // The name in parentheses may hold anything; fields are counted behind the last one.
    const fields = (stat ?? '').slice((stat ?? '').lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    const ageSeconds = Number((uptime ?? '').split(' ')[0]) - Number(fields[19]) / TICKS_PER_SECOND;
    const name = /^Name:\s*(.*)$/m.exec(status ?? '')?.[1] ?? '';
    const words = (command ?? '').split('\0').join(' ').trim();
    return [
      await userName(/^Uid:\s*([0-9]+)/m.exec(status ?? '')?.[1] ?? '0'),
      String(pid),
      fields[1] ?? '',
      '0',
      new Date(Date.now() - ageSeconds * 1000).toISOString().slice(11, 16),
      fields[4] === '0' ? '?' : 'pts/0',
      clockText(ticks / TICKS_PER_SECOND),
      words === '' ? `[${name}]` : words,
    ];
  } catch {
    return undefined;
  }
}

async function userName(uid: string): Promise<string> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const line = text.split('\n').find((each) => each.split(':')[2] === uid);
  return line?.split(':')[0] ?? uid;
}

/** `00:01:05` */
function clockText(seconds: number): string {
  const parts = [seconds / 3600, (seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(Math.floor(part)).padStart(2, '0')).join(':');
}

export async function statsRoute(backend: Backend, exchange: Exchange): Promise<Reply> {
  const { container } = findContainer(backend, param(exchange, 'id'));
  const isStreaming = flag(exchange.query, 'stream', true);
  const isOneShot = flag(exchange.query, 'one-shot');
  startStream(exchange, 'application/json');
  let before: Usage | undefined;
  let last = await readUsage(container.pid);
  if (!isOneShot && !isStreaming) {
    before = last;
    await pause(STATS_INTERVAL_MS, exchange.signal);
    last = await readUsage(container.pid);
  }
  do {
    const line = statsLine(container, { last, before, nowMs: backend.clock.wallMs() });
    if (!(await writeOrWait(exchange.response, line, exchange.signal)) || !isStreaming) break;
    await pause(STATS_INTERVAL_MS, exchange.signal);
    before = last;
    last = await readUsage(backend.runtime?.get(container.id)?.pid);
  } while (!exchange.signal.aborted && backend.runtime?.get(container.id));
  exchange.response.end();
  return WRITTEN;
}

interface Sample {
  readonly last: Usage | undefined;
  readonly before: Usage | undefined;
  readonly nowMs: number;
}

function statsLine(container: ContainerStatus, { last, before, nowMs }: Sample): string {
  const document = {
    id: container.id,
    name: `/${container.spec.name}`,
    read: rfc3339(nowMs),
    ...usageDocument(last, before),
  };
  return `${JSON.stringify(document)}\n`;
}

/** Waits, or returns at once when the client is gone. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', settle);
      resolve();
    };
    const timer = setTimeout(settle, ms);
    signal.addEventListener('abort', settle);
    if (signal.aborted) settle();
  });
}
