/** What a manager does with a client's question: every read is linearizable. */
import type { ApiAnswers, ApiAsks, ReadResult, ReadTarget } from '../engine/protocol.ts';
import type { Store } from '../../../src/store/index.ts';
import type { ManagerHost } from '../manager/manager-host.ts';

export function answer(
  manager: ManagerHost,
  asks: ApiAsks,
  reply: (answer: ApiAnswers) => void,
): void {
  const { proposer } = manager;
  if (proposer === undefined) return reply({ kind: 'not-done' });
  if (asks.kind === 'read') {
    proposer.read((isServed) =>
      reply(isServed ? readResult(manager, asks.what) : { kind: 'not-done' }),
    );
    return;
  }
  const isTaken = proposer.tryPropose(asks.command, (written) => {
    if (written.kind === 'unknown') return reply({ kind: 'unknown' });
    const { index, outcome } = written;
    reply({ kind: 'written', index, refusal: outcome.ok ? undefined : outcome.refusal });
  });
  if (!isTaken) reply({ kind: 'not-done' });
}

function readResult({ replica }: ManagerHost, what: ReadTarget): ApiAnswers {
  const found = find(replica.store, what);
  const names = [...replica.store.networks.values()]
    .filter(({ spec }) => !spec.Ingress)
    .map(({ id }) => id);
  return { kind: 'read-result', index: replica.applied, found, names };
}

/** Clients mark what they write with a tag of its own. */
export function find(store: Store, what: ReadTarget): ReadResult | undefined {
  const row =
    what.table === 'node'
      ? store.nodes.get(what.id)
      : store[what.table === 'service' ? 'services' : 'networks'].byName(what.name)[0];
  if (row === undefined) return undefined;
  return { id: row.id, tag: row.spec.Labels['tag'] ?? '', revision: row.meta.revision };
}
