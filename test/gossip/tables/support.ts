/** Nodes whose messages are passed on by hand, and what they hold as texts. */
import type { NetworkId, NodeId } from '../../../src/model/index.ts';
import { TABLE_LIMITS, type TableLimits } from '../../../src/gossip/tables/limits.ts';
import { NetworkTables, type OwnRowName } from '../../../src/gossip/tables/network-tables.ts';
import type { LamportTime, Row, RowKind } from '../../../src/gossip/tables/rows/row.ts';

export const NETWORK = 'net-1' as NetworkId;
export const KIND = 1 as RowKind;
const PACKET_BYTES = 1300;

export function nodeId(id: string): NodeId {
  return id as NodeId;
}

export function time(value: number): LamportTime {
  return value as LamportTime;
}

export function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}

export function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString();
}

/** A version of a row; a tombstone without a value. */
export function rowOf(key: string, at: number, value?: string): Row {
  return { kind: KIND, key, time: time(at), value: value === undefined ? undefined : bytes(value) };
}

export function nameOf(key: string, networkId = NETWORK): OwnRowName {
  return { networkId, kind: KIND, key };
}

export interface TestNode {
  readonly id: NodeId;
  readonly tables: NetworkTables;
}

export interface GroupOptions {
  readonly limits?: Partial<TableLimits>;
  readonly firstTime?: number;
  readonly networks?: readonly NetworkId[];
}

/** A node with its networks that knows the others as members. */
export function makeNode(
  id: string,
  others: readonly string[],
  { limits, firstTime, networks = [NETWORK] }: GroupOptions = {},
): TestNode {
  const tables = new NetworkTables({
    nodeId: nodeId(id),
    ...(firstTime !== undefined && { firstTime }),
    ...(limits && { limits: { ...TABLE_LIMITS, ...limits } }),
  });
  for (const other of others) tables.restoreOwner(nodeId(other));
  for (const network of networks) tables.joinNetwork(network, 0);
  return { id: nodeId(id), tables };
}

export function makeGroup(ids: readonly string[], options: GroupOptions = {}): TestNode[] {
  return ids.map((id) =>
    makeNode(
      id,
      ids.filter((other) => other !== id),
      options,
    ),
  );
}

export interface SyncCost {
  messages: number;
  bytes: number;
  longest: number;
}

/** A whole push/pull, opened by `from`. */
export function syncNodes(
  from: TestNode,
  to: TestNode,
  { nowMs = 0, networkId = NETWORK, messagesMax = 100_000 } = {},
): SyncCost {
  const cost = { messages: 0, bytes: 0, longest: 0 };
  let queue = from.tables
    .beginSync(networkId, nowMs)
    .map((message) => ({ sender: from, receiver: to, message }));
  while (queue.length > 0) {
    const answers: typeof queue = [];
    for (const { sender, receiver, message } of queue) {
      cost.messages += 1;
      cost.bytes += message.length;
      cost.longest = Math.max(cost.longest, message.length);
      if (cost.messages > messagesMax) return cost;
      for (const answer of receiver.tables.receive(message, sender.id, nowMs))
        answers.push({ sender: receiver, receiver: sender, message: answer });
    }
    queue = answers;
  }
  return cost;
}

/** Passes on everything that one node has to gossip, and the answers to it. */
export function tell(from: TestNode, to: TestNode, networkId = NETWORK): void {
  for (let packet = 0; packet < 1000; packet += 1) {
    const messages = from.tables.takeBroadcasts(networkId, PACKET_BYTES, 1);
    if (messages.length === 0) return;
    for (const message of messages) deliver([from, to], message);
  }
}

export function deliver(
  [from, to]: readonly [TestNode, TestNode],
  message: Uint8Array,
  nowMs = 0,
): void {
  for (const answer of to.tables.receive(message, from.id, nowMs))
    deliver([to, from], answer, nowMs);
}

/** `owner/key=value` of all visible rows, sorted. */
export function contents({ tables }: TestNode, networkId = NETWORK): string[] {
  return [...tables.rows(networkId)]
    .map(({ owner, key, value }) => `${owner}/${key}=${text(value) ?? ''}`)
    .sort();
}

/** `+owner/key=value`, `*owner/key=value` (changed) or `-owner/key`, sorted. */
export function changes({ tables }: TestNode): string[] {
  return tables
    .drainChanges()
    .map((change) => {
      const name = `${change.owner}/${change.key}`;
      if (change.change === 'removed') return `-${name}`;
      return `${change.change === 'added' ? '+' : '*'}${name}=${text(change.value) ?? ''}`;
    })
    .sort();
}
