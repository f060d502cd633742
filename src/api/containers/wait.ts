/** `containers/{id}/wait`: answers when a container has ended. */
import type { Runtime } from '../../runtime/index.ts';
import type { Backend } from '../backend.ts';
import { badRequest } from '../http/errors.ts';
import type { Exchange, Reply } from '../http/exchange.ts';
import { WRITTEN, param } from '../http/exchange.ts';
import { startStream } from '../http/reply.ts';
import { findContainer } from './lookup.ts';

type Condition = 'not-running' | 'next-exit' | 'removed';

export async function waitForExit(backend: Backend, exchange: Exchange): Promise<Reply> {
  const condition = exchange.query.get('condition') ?? '';
  if (!isCondition(condition)) {
    throw badRequest(`invalid condition: ${JSON.stringify(condition.slice(0, 40))}`);
  }
  const { runtime, container } = findContainer(backend, param(exchange, 'id'));
  // The head goes out at once: clients take it as the sign that the wait has begun.
  startStream(exchange, 'application/json');
  const code = await exitCode(runtime, container.id, {
    condition: condition === '' ? 'not-running' : condition,
    signal: exchange.signal,
  });
  exchange.response.end(`${JSON.stringify({ StatusCode: code ?? 0 })}\n`);
  return WRITTEN;
}

function isCondition(text: string): text is Condition | '' {
  return ['', 'not-running', 'next-exit', 'removed'].includes(text);
}

/** The exit code once the condition holds; `undefined` when given up. */
function exitCode(
  runtime: Runtime,
  id: string,
  options: { readonly condition: Condition; readonly signal: AbortSignal },
): Promise<number | undefined> {
  const { condition, signal } = options;
  return new Promise((resolve) => {
    let hasRun = condition !== 'next-exit';
    let lastCode = runtime.get(id)?.exitCode;
    const settle = (code: number | undefined): void => {
      unsubscribe();
      signal.removeEventListener('abort', giveUp);
      resolve(code);
    };
    const giveUp = (): void => settle(undefined);
    const look = (): void => {
      const container = runtime.get(id);
      if (!container) return settle(lastCode);
      lastCode = container.exitCode ?? lastCode;
      if (container.state === 'running') hasRun = true;
      const isOver = hasRun && container.state === 'exited';
      if (isOver && condition !== 'removed') settle(container.exitCode);
    };
    const unsubscribe = runtime.onChange((changed) => {
      if (changed === id) look();
    });
    signal.addEventListener('abort', giveUp);
    if (signal.aborted) giveUp();
    else look();
  });
}
