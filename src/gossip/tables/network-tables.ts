/**
 * The rows of all networks that this node has: own ones to write, everyone's to read.
 *
 * A row's only writer is its owner; every node that has the network holds a copy, kept up by gossip
 * within a second or so and made complete by push/pulls. Readers see rows of owners that the
 * membership vouches for: those of a failed node are hidden, not deleted, and come back with it.
 * Nothing is durable: after a restart the host writes its rows again, and what the others still
 * hold of the earlier life is replaced.
 *
 * Start with `rows/owner-rows.ts` (why deleted rows stay deleted), then `sync.ts` and
 * `wire/messages.ts`.
 */
import { assert } from '../../base/index.ts';
import type { NetworkId, NodeId } from '../../model/index.ts';
import { GossipError } from '../errors.ts';
import { transmitLimit } from '../spread/formulas.ts';
import type { RowTables } from '../spread/row-tables.ts';
import { ChangeLog, type RowChange } from './change-log.ts';
import {
  LamportClock,
  Owners,
  newCounters,
  type TableContext,
  type TableCounters,
} from './context.ts';
import {
  EXPIRY_INTERVAL_MS,
  LINGER_MS,
  RETRANSMIT_FACTOR,
  TABLE_LIMITS,
  type TableLimits,
} from './limits.ts';
import { NetworkTable, type Taken, type WriteRefusal } from './network-table.ts';
import type { OwnerRows } from './rows/owner-rows.ts';
import {
  NO_TIME,
  TIME_MAX,
  isName,
  isSameValue,
  nameInOwner,
  type LamportTime,
  type RowKind,
  type RowName,
} from './rows/row.ts';
import { answerDigest, answerPull, openingDigests, takeRows, type Heard } from './sync.ts';
import { decodeTableMessage } from './wire/decode.ts';
import { bytesMost, packNews } from './wire/encode.ts';
import type { TableMessage } from './wire/messages.ts';

export interface NetworkTablesOptions {
  readonly nodeId: NodeId;
  /**
   * The clock's first time, at most 2^47. When it is later than all times of this node's earlier
   * lives, as milliseconds since the epoch are, rows of those are replaced without a detour.
   */
  readonly firstTime?: number;
  readonly limits?: Partial<TableLimits>;
}

export type JoinOutcome = 'joined' | 'joined-before' | 'bad-name' | 'too-many-networks';

/** `unchanged`: it is so already, and nobody is told. The rest are refusals. */
export type WriteOutcome =
  'written' | 'unchanged' | 'unknown-network' | 'bad-name' | 'value-too-long' | WriteRefusal;

/** An own row to write. Its name may hold 64 printable ASCII characters. */
export interface OwnRowName {
  readonly networkId: NetworkId;
  readonly kind: RowKind;
  readonly key: string;
}

export interface RowView extends RowName {
  readonly value: Uint8Array;
}

export type TableOutcome =
  | ({ readonly kind: 'accepted' } & Taken)
  /** Of a network that this node does not have. */
  | { readonly kind: 'ignored'; readonly reason: 'unknown-network' }
  | { readonly kind: 'refused'; readonly detail: GossipError['detail'] };

export class NetworkTables implements RowTables {
  readonly counters: TableCounters = newCounters();
  private readonly context: TableContext;
  private readonly tables = new Map<NetworkId, NetworkTable>();
  private packetNumber = 0;
  private expiredAtMs = -Infinity;

  constructor({ nodeId, firstTime = 0, limits }: NetworkTablesOptions) {
    assert(isName(nodeId), 'a node id is printable', { nodeId });
    const isTime = Number.isSafeInteger(firstTime) && firstTime >= 0 && firstTime < TIME_MAX / 2;
    assert(isTime, 'firstTime is in [0, 2^47)', { firstTime });
    this.context = {
      self: nodeId,
      limits: { ...TABLE_LIMITS, ...limits },
      clock: new LamportClock(Math.max(firstTime, NO_TIME) as LamportTime),
      owners: new Owners(),
      changes: new ChangeLog(),
      counters: this.counters,
    };
    this.context.owners.set(nodeId, true);
  }

  /** Networks that were joined and not left. */
  get networkIds(): readonly NetworkId[] {
    const joined = [...this.tables.values()].filter(({ leftAtMs }) => leftAtMs === undefined);
    return joined.map(({ networkId }) => networkId);
  }

  /** Networks with rows to gossip about. */
  get networksWithNews(): readonly NetworkId[] {
    const eager = [...this.tables.values()].filter(({ newsCount }) => newsCount > 0);
    return eager.map(({ networkId }) => networkId);
  }

  joinNetwork(networkId: NetworkId, nowMs: number): JoinOutcome {
    this.expire(nowMs);
    const table = this.tables.get(networkId);
    if (table !== undefined) {
      const outcome = table.leftAtMs === undefined ? 'joined-before' : 'joined';
      table.leftAtMs = undefined;
      return outcome;
    }
    if (!isName(networkId)) return 'bad-name';
    if (this.tables.size >= this.context.limits.networksMax) {
      this.counters.networksRefused += 1;
      return 'too-many-networks';
    }
    this.tables.set(networkId, new NetworkTable(networkId, this.context, nowMs));
    return 'joined';
  }

  /** Deletes the own rows in it, and forgets the others'. */
  leaveNetwork(networkId: NetworkId, nowMs: number): void {
    this.expire(nowMs);
    this.joined(networkId)?.leave(nowMs);
  }

  put(name: OwnRowName, value: Uint8Array, nowMs: number): WriteOutcome {
    if (!isName(name.key)) return 'bad-name';
    if (value.length > this.context.limits.valueBytesMax) return 'value-too-long';
    return this.write(name, new Uint8Array(value), nowMs);
  }

  delete(name: OwnRowName, nowMs: number): WriteOutcome {
    return this.write(name, undefined, nowMs);
  }

  /** The value that readers see; not to be written to. */
  value({ networkId, owner, kind, key }: RowName): Uint8Array | undefined {
    if (!this.context.owners.isShown(owner)) return undefined;
    return this.joined(networkId)?.of(owner)?.row(nameInOwner({ kind, key }))?.value;
  }

  /** All rows of a network that readers see, in no order. */
  *rows(networkId: NetworkId): Generator<RowView> {
    for (const rows of this.joined(networkId)?.members() ?? [])
      if (this.context.owners.isShown(rows.owner)) yield* viewsOf(networkId, rows);
  }

  /** What readers see otherwise than at the last call. */
  drainChanges(): readonly RowChange[] {
    return this.context.changes.drain((name) => this.value(name));
  }

  hideOwner(owner: NodeId): void {
    if (owner === this.context.self) return;
    if (this.context.owners.isShown(owner)) this.noteAll(owner, true);
    this.context.owners.set(owner, false);
  }

  restoreOwner(owner: NodeId): void {
    if (this.context.owners.isShown(owner)) return;
    this.noteAll(owner, false);
    this.context.owners.set(owner, true);
  }

  forgetOwner(owner: NodeId): void {
    if (owner === this.context.self) return;
    for (const table of this.tables.values()) table.forget(owner);
    this.context.owners.delete(owner);
  }

  /**
   * The membership says that the owner has the network, or that it left it. Optional: it removes
   * rows also when the owner's deletions reached nobody before it left.
   */
  setOwnerNetwork(owner: NodeId, networkId: NetworkId, isJoined: boolean): void {
    if (owner !== this.context.self) this.tables.get(networkId)?.setPresent(owner, isJoined);
  }

  takeBroadcasts(networkId: NetworkId, budgetBytes: number, memberCount: number): Uint8Array[] {
    const table = this.tables.get(networkId);
    if (table === undefined || table.newsCount === 0) return [];
    this.packetNumber += 1;
    const items = table.takeNewsItems({
      number: this.packetNumber,
      budgetBytes: budgetBytes - bytesMost.newsHead(networkId),
      sendsMax: transmitLimit(RETRANSMIT_FACTOR, memberCount),
    });
    return items.length === 0 ? [] : [packNews(networkId, items)];
  }

  beginSync(networkId: NetworkId, nowMs: number): Uint8Array[] {
    this.expire(nowMs);
    const table = this.tables.get(networkId);
    return table === undefined ? [] : [...openingDigests(table)];
  }

  receive(bytes: Uint8Array, from: NodeId, nowMs: number): Uint8Array[] {
    const outcome = this.take(bytes, from, nowMs);
    return outcome.kind === 'accepted' ? [...outcome.replies] : [];
  }

  /** As `receive`, and tells what became of the message. */
  take(bytes: Uint8Array, from: NodeId, nowMs: number): TableOutcome {
    this.expire(nowMs);
    const message = this.tryDecode(bytes);
    if (message instanceof GossipError) {
      this.counters.messagesRefused += 1;
      return { kind: 'refused', detail: message.detail };
    }
    const table = this.tables.get(message.networkId);
    if (table === undefined) return { kind: 'ignored', reason: 'unknown-network' };
    return { kind: 'accepted', ...takeMessage(table, message, { from, nowMs }) };
  }

  private write(name: OwnRowName, value: Uint8Array | undefined, nowMs: number): WriteOutcome {
    this.expire(nowMs);
    const { networkId, kind, key } = name;
    const table = this.joined(networkId);
    if (table === undefined) return 'unknown-network';
    const held = table.own.row(nameInOwner(name))?.value;
    if (isSameValue(held, value)) return 'unchanged';
    const refusal = table.write({ kind, key, value }, nowMs);
    if (refusal !== undefined) this.counters.rowsRefused += 1;
    return refusal ?? 'written';
  }

  private joined(networkId: NetworkId): NetworkTable | undefined {
    const table = this.tables.get(networkId);
    return table?.leftAtMs === undefined ? table : undefined;
  }

  private noteAll(owner: NodeId, wasShown: boolean): void {
    for (const table of this.tables.values()) table.noteAll(owner, wasShown);
  }

  private tryDecode(bytes: Uint8Array): TableMessage | GossipError {
    try {
      return decodeTableMessage(bytes);
    } catch (error) {
      if (error instanceof GossipError) return error;
      throw error;
    }
  }

  /** Rides on the host's calls, so that nobody has to remember another one. */
  private expire(nowMs: number): void {
    if (nowMs - this.expiredAtMs < EXPIRY_INTERVAL_MS) return;
    this.expiredAtMs = nowMs;
    for (const [networkId, table] of this.tables) {
      table.expire(nowMs);
      const { leftAtMs } = table;
      if (leftAtMs !== undefined && nowMs - leftAtMs >= LINGER_MS) this.tables.delete(networkId);
    }
  }
}

function* viewsOf(networkId: NetworkId, { owner, liveRows }: OwnerRows): Generator<RowView> {
  for (const { kind, key, value } of liveRows)
    if (value !== undefined) yield { networkId, owner, kind, key, value };
}

function takeMessage(table: NetworkTable, message: TableMessage, heard: Heard): Taken {
  switch (message.kind) {
    case 'news':
      return table.takeNews(message, heard.from, heard.nowMs);
    case 'digest':
      return answerDigest(table, message, heard);
    case 'pull':
      return answerPull(table, message);
    case 'rows':
      return takeRows(table, message, heard);
  }
}
