/** Shells on loopback addresses of their own, which close when the test ends. */
import { randomBytes, randomInt } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { SYSTEM_CLOCK, SeededRng } from '../../../../src/base/index.ts';
import {
  KeyRing,
  NetworkTables,
  type GossipTiming,
  type KeyId,
  type MemberEvent,
  type PeerAddress,
  type RingPlan,
} from '../../../../src/gossip/index.ts';
import type { NodeId } from '../../../../src/model/index.ts';
import { until } from '../../fixture.ts';
import { RingSeal } from '../../../../src/cluster/gossip/shell/ring-seal.ts';
import { GossipShell } from '../../../../src/cluster/gossip/shell/shell.ts';

export const PORT = 7946;

export interface Peer {
  readonly id: NodeId;
  readonly address: PeerAddress;
  readonly shell: GossipShell;
  readonly ring: KeyRing;
  readonly tables: NetworkTables;
  readonly events: MemberEvent[];
}

/** A ring of keys 1 to `count`, the last one to seal with unless told. */
export function ringPlan(
  keys: readonly Uint8Array[],
  { generation = 1, primary = keys.length }: { generation?: number; primary?: number } = {},
): RingPlan {
  return {
    generation,
    primary: primary as KeyId,
    keys: keys.map((bytes, at) => ({ id: (at + 1) as KeyId, bytes })),
  };
}

export interface Peers {
  /** The `number`th address of this test. */
  address(number: number): PeerAddress;
  open(
    number: number,
    options?: { plan?: RingPlan; timing?: Partial<GossipTiming>; id?: string },
  ): Promise<Peer>;
}

export function createPeers(t: ExecutionContext): Peers {
  const prefix = `127.${randomInt(1, 255)}.${randomInt(0, 255)}`;
  const shared = ringPlan([randomBytes(32)]);
  t.log(`loopback ${prefix}.x`);
  const address = (number: number): PeerAddress => ({ host: `${prefix}.${number}`, port: PORT });
  return {
    address,
    async open(number, { plan = shared, timing, id = `node${number}` } = {}) {
      const nodeId = id as NodeId;
      const ring = new KeyRing(plan);
      const tables = new NetworkTables({ nodeId });
      const events: MemberEvent[] = [];
      const shell = await GossipShell.open({
        nodeId,
        address: address(number),
        seal: new RingSeal(ring),
        tables,
        clock: SYSTEM_CLOCK,
        rng: new SeededRng(number),
        onEvent: (event) => events.push(event),
        onStep: () => undefined,
        ...(timing && { timing }),
      });
      t.teardown(() => shell.close());
      return { id: nodeId, address: address(number), shell, ring, tables, events };
    },
  };
}

/** Opens so many, which join one after the other through the first; resolves when all see all. */
export async function openMany(peers: Peers, count: number, plan?: RingPlan): Promise<Peer[]> {
  const opened: Peer[] = [];
  for (let number = 1; number <= count; number += 1) {
    const peer = await peers.open(number, plan && { plan });
    if (number > 1) peer.shell.join([peers.address(1)]);
    opened.push(peer);
    await until(`${number} to see each other`, () => isWhole(opened));
  }
  return opened;
}

export function idsOf({ shell }: Peer): string[] {
  const live = shell.members.filter(({ state }) => state === 'alive' || state === 'suspect');
  return live.map(({ id }) => String(id)).sort();
}

/** Whether everyone sees all of `peers` and nobody else. */
export function isWhole(peers: readonly Peer[]): boolean {
  const expected = peers.map(({ id }) => String(id)).sort();
  return peers.every((peer) => idsOf(peer).join() === expected.join());
}
