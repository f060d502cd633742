/**
 * What a run is made of and exposed to. Swarm testing (Groce et al., ISSTA 2012): each seed turns
 * some kinds of fault off altogether and others far up, because faults hide each other.
 */
import { randomBelow, type Rng } from '../../src/base/index.ts';

/**
 * Rates are chances in 1,000, for each message or write. `…EveryMs` is the mean time from one such
 * event to the next, 0 for never.
 */
export interface Swarm {
  readonly nodes: number;
  /** Managers that begin the cluster together. */
  readonly founders: number;
  readonly clients: number;
  /** How long faults last, before everything heals. */
  readonly stormMs: number;

  readonly lossRate: number;
  readonly duplicateRate: number;
  /** A packet takes 1 to this many milliseconds; those that follow may overtake it. */
  readonly delayMaxMs: number;
  readonly straggleRate: number;
  readonly straggleMaxMs: number;
  readonly partitionEveryMs: number;
  readonly isPartitionOneWay: boolean;
  /** Of new leaders: those that are cut off soon after their election. */
  readonly strandRate: number;
  readonly clogEveryMs: number;

  readonly diskMaxMs: number;
  readonly diskSlowEveryMs: number;
  readonly diskFullEveryMs: number;
  /** Whether one manager comes back without its disk, while the roles stay as they are. */
  readonly isDiskLost: boolean;

  readonly crashEveryMs: number;
  readonly downMaxMs: number;
  /** Of crashes and partitions: those that are meant for the leader. */
  readonly leaderRate: number;
  /** Of the crashes: those that take the node's containers along. */
  readonly machineCrashRate: number;
  /** Clocks differ by up to this from each other, and one in ten runs a tenth fast. */
  readonly skewMaxMs: number;

  /** Whether incarnations begin with the time, so that later lives win at once. */
  readonly isGossipTimed: boolean;

  readonly transferEveryMs: number;
  /** Promotions and demotions by the operator. */
  readonly roleEveryMs: number;
  /** Drained, removed, joined anew. */
  readonly nodeEveryMs: number;
  readonly taskEndEveryMs: number;

  /** From a client's answer to its next question, at most. */
  readonly thinkMaxMs: number;
  /** How long a client waits for an answer; a manager tries for six seconds. */
  readonly patienceMs: number;
  readonly services: number;
  readonly networks: number;
  /** Of the subnets that networks get by themselves: small ones run full. */
  readonly subnetBits: number;

  /** Of the consensus core; an election takes 10 to 20 of them. */
  readonly tickMs: number;
  readonly appendBytesMax: number;
  readonly snapshotEntries: number;
  readonly keptEntries: number;
  readonly sessionClientsMax: number;
}

type Pick = (...values: [number, ...number[]]) => number;

export function swarmOf(rng: Rng): Swarm {
  const pick: Pick = (...values) => values[randomBelow(rng, values.length)] ?? values[0];
  const nodes = nodesOf(rng, pick);
  const isLarge = nodes > 7;
  return {
    nodes,
    founders: Math.min(nodes, pick(1, 2, 3, 3, 3, 4, 5, 5)),
    clients: pick(1, 2, 3),
    stormMs: nodes > 18 ? 5_000 : isLarge ? pick(6_000, 10_000) : pick(8_000, 14_000, 20_000),
    ...networkFaults(pick),
    ...diskFaults(pick),
    crashEveryMs: pick(0, 700, 2_000, 6_000),
    downMaxMs: pick(100, 1_000, 6_000),
    leaderRate: pick(0, 300, 300, 800),
    machineCrashRate: pick(0, 300, 1000),
    skewMaxMs: pick(0, 50, 5_000),
    isGossipTimed: pick(0, 1) === 1,
    transferEveryMs: pick(0, 0, 1_500),
    roleEveryMs: pick(0, 0, 800, 2_500),
    nodeEveryMs: pick(0, 0, 2_000),
    taskEndEveryMs: pick(0, 300, 2_000),
    thinkMaxMs: pick(100, 250, 600),
    patienceMs: pick(1_000, 9_000),
    services: pick(2, 4, 8),
    networks: pick(1, 2, 4),
    subnetBits: pick(24, 28, 29),
    tickMs: pick(50, 50, 20),
    appendBytesMax: pick(1, 3_000, 100_000),
    snapshotEntries: pick(20, 80, 100_000),
    keptEntries: pick(0, 5, 40),
    sessionClientsMax: pick(4, 256, 256),
  };
}

/** Most bugs show among few nodes, and small worlds are quick. */
function nodesOf(rng: Rng, pick: Pick): number {
  const size = randomBelow(rng, 100);
  if (size < 88) return pick(3, 4, 5, 5, 6, 7);
  if (size < 98) return 8 + randomBelow(rng, 10);
  return 20 + randomBelow(rng, 31);
}

function networkFaults(pick: Pick) {
  return {
    lossRate: pick(0, 0, 10, 60, 200),
    duplicateRate: pick(0, 0, 30, 150),
    delayMaxMs: pick(2, 15, 60),
    straggleRate: pick(0, 0, 10, 50),
    straggleMaxMs: pick(400, 2_000),
    partitionEveryMs: pick(0, 0, 1_200, 4_000),
    isPartitionOneWay: pick(0, 0, 1) === 1,
    strandRate: pick(0, 0, 0, 300),
    clogEveryMs: pick(0, 0, 1_000),
  };
}

function diskFaults(pick: Pick) {
  return {
    diskMaxMs: pick(0, 4, 30, 150),
    diskSlowEveryMs: pick(0, 0, 2_000),
    diskFullEveryMs: pick(0, 0, 3_000),
    isDiskLost: pick(0, 0, 0, 1) === 1,
  };
}
