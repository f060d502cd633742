/** What is read off a run. */
import type { MemberEvent } from '../../../src/gossip/index.ts';
import type { World } from './world.ts';

/** `share` of the values are at most this. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = Math.max(0, Math.ceil(sorted.length * share) - 1);
  return sorted[at] ?? NaN;
}

/** When each observer first saw something of node `index`, since `sinceMs`. */
export function sightingsOf(
  world: World,
  index: number,
  kind: Extract<MemberEvent, { member: unknown }>['kind'],
): Map<number, number> {
  const { id } = world.node(index);
  const seen = new Map<number, number>();
  for (const { event, observer, atMs } of world.sightings)
    if (event.kind === kind && event.member.id === id && !seen.has(observer))
      seen.set(observer, atMs);
  return seen;
}

/** Who was declared dead although it ran, as `victim by observer`. */
export function falseDeaths(world: World): string[] {
  const running = new Map(world.nodes.map((node) => [node.id, node]));
  return world.sightings.flatMap(({ event, observer }) => {
    if (event.kind !== 'member.failed') return [];
    const victim = running.get(event.member.id);
    return victim?.gossip === undefined ? [] : [`${victim.index} by ${observer}`];
  });
}

/** Bytes that a node sends in a second, headers of IP, UDP and TCP too. */
export function bytesPerNodeSecond(world: World, seconds: number): number {
  const bytes = world.nodes.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  return bytes / world.nodes.length / seconds;
}

/** What nodes that run hold otherwise than that all that run are alive, and nobody else is. */
export function disagreements(world: World): string[] {
  const running = world.nodes.filter(({ gossip }) => gossip?.life === 'present');
  const ids = new Set(running.map(({ id }) => id));
  return running
    .flatMap(({ gossip, index }) =>
      (gossip?.members ?? []).flatMap(({ id, state, incarnation }) => {
        const isRight = ids.has(id) ? state === 'alive' : state === 'dead' || state === 'left';
        return isRight ? [] : [`${index} holds ${id} ${state} at ${incarnation}`];
      }),
    )
    .concat(
      running
        .filter(({ gossip }) => gossip?.liveCount !== ids.size)
        .map(
          ({ gossip, index }) => `${index} holds ${gossip?.liveCount ?? 0} of ${ids.size} alive`,
        ),
    );
}
