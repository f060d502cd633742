/** What a run is exposed to. Swarm testing: each seed turns some faults off and others up. */
import { randomBelow, type Rng } from '../../../src/base/index.ts';

/** Rates are chances in 1,000 per message or write; intervals are in units of time, 0 for never. */
export interface Weather {
  readonly voters: number;
  readonly peers: number;
  readonly clients: number;
  readonly dropRate: number;
  readonly duplicateRate: number;
  /** A message takes 1 to this many units; those that follow may overtake it. */
  readonly delayMax: number;
  /** A message may also take this long. */
  readonly straggleRate: number;
  readonly straggleMax: number;
  readonly diskMax: number;
  readonly crashInterval: number;
  readonly downMax: number;
  readonly partitionInterval: number;
  readonly isPartitionOneWay: boolean;
  readonly membershipInterval: number;
  readonly transferInterval: number;
  readonly appendBytesMax: number;
  readonly snapshotEntries: number;
  readonly keptEntries: number;
  /** How long faults last, before everything heals. */
  readonly stormUnits: number;
}

export function weatherOf(rng: Rng): Weather {
  const pick = (...values: [number, ...number[]]): number =>
    values[randomBelow(rng, values.length)] ?? values[0];
  return {
    voters: pick(1, 2, 3, 3, 3, 4, 5, 5),
    peers: pick(5, 6),
    clients: pick(1, 2, 4),
    dropRate: pick(0, 0, 20, 100, 250),
    duplicateRate: pick(0, 0, 50, 200),
    delayMax: pick(1, 3, 10, 25),
    straggleRate: pick(0, 0, 20, 60),
    straggleMax: pick(100, 400),
    diskMax: pick(0, 2, 15, 60),
    crashInterval: pick(0, 60, 200, 600),
    downMax: pick(5, 60, 300),
    partitionInterval: pick(0, 0, 150, 400),
    isPartitionOneWay: pick(0, 0, 1) === 1,
    membershipInterval: pick(0, 0, 60, 200),
    transferInterval: pick(0, 0, 100, 300),
    appendBytesMax: pick(1, 300, 300, 5000),
    snapshotEntries: pick(5, 30, 100_000),
    keptEntries: pick(0, 3, 20),
    stormUnits: pick(1000, 2000, 3000),
  };
}
