/**
 * Reads and writes of the cluster's state that see everything which was committed before the
 * request came, on whichever manager they arrive. Without a leader they are refused at once.
 */
import type { Backend } from '../backend.ts';
import type { Route } from '../http/exchange.ts';

/**
 * The same routes, each after `Manager.sync`; what that throws is the answer. Where this node is no
 * manager, the handler says so itself, or answers from this node's view.
 */
export function linearizable(backend: Backend, routes: readonly Route[]): readonly Route[] {
  return routes.map(({ method, path, handle }) => ({
    method,
    path,
    handle: async (exchange) => {
      await backend.member.manager?.sync();
      return handle(exchange);
    },
  }));
}
