/** What the tables of all networks of a node share. */
import type { NodeId } from '../../model/index.ts';
import type { ChangeLog } from './change-log.ts';
import type { TableLimits } from './limits.ts';
import { TIME_MAX, type LamportTime } from './rows/row.ts';

export interface TableContext {
  readonly self: NodeId;
  readonly limits: TableLimits;
  readonly clock: LamportClock;
  readonly owners: Owners;
  readonly changes: ChangeLog;
  readonly counters: TableCounters;
}

/** Counts from 0; each only grows. */
export interface TableCounters {
  /** News that were new, and news that were not. */
  newsTaken: number;
  newsKnown: number;
  /** Messages that could not be read. */
  messagesRefused: number;
  /** Networks, rows and owners beyond a limit. */
  networksRefused: number;
  rowsRefused: number;
  strangersRefused: number;
  /** News that left a full queue before their time. */
  newsDropped: number;
  tombstonesForgotten: number;
  /** Owners whose rows were told whole, because forgotten deletions were missed. */
  sweeps: number;
  /** Times that own rows were written anew over those of an earlier life of this node. */
  heals: number;
}

export function newCounters(): TableCounters {
  return {
    newsTaken: 0,
    newsKnown: 0,
    messagesRefused: 0,
    networksRefused: 0,
    rowsRefused: 0,
    strangersRefused: 0,
    newsDropped: 0,
    tombstonesForgotten: 0,
    sweeps: 0,
    heals: 0,
  };
}

/**
 * This node's Lamport clock. It follows its own writes and what others say of its own rows, not
 * others' clocks: no row has two writers, and one node with a wild clock must not infect all.
 */
export class LamportClock {
  private time: LamportTime;

  constructor(first: LamportTime) {
    this.time = first;
  }

  get now(): LamportTime {
    return this.time;
  }

  /** Whether there is a time for so many more writes, when it was raised to `after`. */
  hasRoomFor(writes: number, after = this.time): boolean {
    return Math.max(this.time, after) <= TIME_MAX - writes;
  }

  /** Precondition: `hasRoomFor(1)`. */
  next(): LamportTime {
    this.time = (this.time + 1) as LamportTime;
    return this.time;
  }

  /** Never goes back. */
  raiseTo(time: LamportTime): void {
    if (time > this.time) this.time = time;
  }
}

/** Whose rows are shown, and whose are kept at all: as the membership says. */
export class Owners {
  private readonly isShownOf = new Map<NodeId, boolean>();

  isShown(owner: NodeId): boolean {
    return this.isShownOf.get(owner) === true;
  }

  /** Whether the membership knows the node, alive or failed. */
  isMember(owner: NodeId): boolean {
    return this.isShownOf.has(owner);
  }

  set(owner: NodeId, isShown: boolean): void {
    this.isShownOf.set(owner, isShown);
  }

  delete(owner: NodeId): void {
    this.isShownOf.delete(owner);
  }
}
