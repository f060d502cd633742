/**
 * Which paths are looked at when, and what is known of them.
 *
 * A round looks at no more than `SAMPLE_MAX` peers, those that were not looked at for longest, so
 * that the cost does not grow with the cluster. A fault counts when two trials in a row find it;
 * the second follows soon. So does a path that has become narrower or wider. Peers that the
 * cluster calls down are left alone.
 */
import { randomBelow, type Rng } from '../../base/index.ts';
import type { NodeId } from '../../model/index.ts';
import { advise, judge, type PathFault } from './judge.ts';
import { Trial, type Echo, type Moment, type Probe, type TrialResult } from './trial.ts';

export const SAMPLE_MAX = 8;
const ROUND_MS = 120_000;
const RETRY_MS = 10_000;
/** After a peer has come: its own end has to be made first. */
const NEWCOMER_MS = 3000;

export interface PathPeer {
  readonly nodeId: NodeId;
  readonly isUp: boolean;
}

export interface PathProblem {
  readonly nodeId: NodeId;
  readonly fault: PathFault;
  readonly advice: string;
}

export interface PathReport {
  /** The narrowest path to a peer that is up; absent while none was measured. */
  readonly pathMtu?: number;
  readonly problems: readonly PathProblem[];
  /** Peers that are up and were looked at, and those of them that answer. */
  readonly probed: number;
  readonly reachable: number;
  /** The largest difference of a peer's clock from this node's. */
  readonly clockOffsetMs: number;
}

export interface AddressedProbe extends Probe {
  readonly to: NodeId;
}

interface Path {
  isUp: boolean;
  /** When to look at it next. */
  dueMs: number;
  trial?: Trial;
  /** Whether a probe of the peer has come in since it last answered one. */
  isHeard: boolean;
  result?: TrialResult;
  pathMtu?: number;
  /** What the last trial found, and what the last two agree on. */
  suspected: ReadonlySet<PathFault>;
  faults: ReadonlySet<PathFault>;
}

export class PathProber {
  private readonly rng: Rng;
  private readonly paths = new Map<NodeId, Path>();
  private readonly outbox: AddressedProbe[] = [];
  private port: number | undefined;

  constructor(rng: Rng) {
    this.rng = rng;
  }

  /** Peers that are gone are forgotten; newcomers, and those that come back, are looked at soon. */
  setPeers(peers: readonly PathPeer[], port: number | undefined, at: Moment): void {
    this.port = port;
    const gone = new Set(this.paths.keys());
    for (const { nodeId, isUp } of peers) {
      gone.delete(nodeId);
      const known = this.paths.get(nodeId);
      const hasComeBack = known !== undefined && isUp && !known.isUp;
      if (known === undefined) this.paths.set(nodeId, newPath(isUp, at.nowMs + NEWCOMER_MS));
      else known.isUp = isUp;
      if (hasComeBack) known.dueMs = at.nowMs + NEWCOMER_MS;
    }
    for (const nodeId of gone) this.paths.delete(nodeId);
  }

  /** A probe of the peer has come in. */
  heard(nodeId: NodeId): void {
    const path = this.paths.get(nodeId);
    if (path !== undefined) path.isHeard = true;
  }

  answered(nodeId: NodeId, echo: Echo, at: Moment): void {
    const path = this.paths.get(nodeId);
    path?.trial?.answered(echo, at);
    if (path !== undefined) this.follow(nodeId, path, at);
  }

  tick(at: Moment): void {
    for (const [nodeId, path] of this.paths) {
      path.trial?.tick(at);
      this.follow(nodeId, path, at);
    }
    this.begin(at);
  }

  /** When `tick` has something to do next; `undefined` while there are no peers that are up. */
  get wakeMs(): number | undefined {
    let wakeMs: number | undefined;
    const running = this.running;
    for (const { isUp, dueMs, trial } of this.paths.values()) {
      if (trial === undefined && (!isUp || running >= SAMPLE_MAX)) continue;
      wakeMs = Math.min(wakeMs ?? Infinity, trial?.wakeMs ?? dueMs);
    }
    return wakeMs;
  }

  /** Whether a trial is going on. */
  get isBusy(): boolean {
    return this.running > 0;
  }

  drain(): AddressedProbe[] {
    return this.outbox.splice(0);
  }

  report(): PathReport {
    const seen = [...this.paths].filter(([, { isUp, result }]) => isUp && result !== undefined);
    const mtus = seen.flatMap(([, { pathMtu }]) => pathMtu ?? []);
    const offsets = seen.map(([, { result }]) => result?.clockOffsetMs ?? 0);
    return {
      ...(mtus.length > 0 && { pathMtu: Math.min(...mtus) }),
      problems: seen.flatMap(([nodeId, path]) => this.problems(nodeId, path)),
      probed: seen.length,
      reachable: seen.filter(([, { faults }]) => !isCut(faults)).length,
      clockOffsetMs: offsets.reduce(
        (most, offset) => (Math.abs(offset) > Math.abs(most) ? offset : most),
        0,
      ),
    };
  }

  private problems(nodeId: NodeId, { faults, result }: Path): PathProblem[] {
    if (result === undefined) return [];
    return [...faults].map((fault) => {
      return { nodeId, fault, advice: advise(fault, result, this.port ?? 0) };
    });
  }

  private get running(): number {
    let count = 0;
    for (const { trial } of this.paths.values()) if (trial !== undefined) count += 1;
    return count;
  }

  private begin(at: Moment): void {
    const free = SAMPLE_MAX - this.running;
    const due = [...this.paths]
      .filter(([, path]) => path.isUp && path.trial === undefined && path.dueMs <= at.nowMs)
      .sort(([, one], [, other]) => one.dueMs - other.dueMs);
    for (const [nodeId, path] of due.slice(0, free)) {
      path.trial = new Trial(() => this.rng.nextU32(), at);
      this.follow(nodeId, path, at);
    }
    // The others wait for a round of their own.
    for (const [, path] of due.slice(free)) path.dueMs = at.nowMs + ROUND_MS;
  }

  /** Passes on what the trial sends, and takes its result when it is done. */
  private follow(nodeId: NodeId, path: Path, at: Moment): void {
    const { trial } = path;
    if (trial === undefined) return;
    this.outbox.push(...trial.drain().map((probe) => ({ ...probe, to: nodeId })));
    if (!trial.isDone) return;
    delete path.trial;
    const isSure = this.conclude(path, trial.result());
    path.dueMs = at.nowMs + (isSure ? ROUND_MS + randomBelow(this.rng, ROUND_MS / 4) : RETRY_MS);
  }

  /** Whether this trial and the one before agree. */
  private conclude(path: Path, result: TrialResult): boolean {
    const found = new Set(judge(result, path));
    const before = path.result;
    const { suspected, faults } = path;
    if (!isCut(found)) path.isHeard = false;
    path.result = result;
    path.suspected = found;
    const wasCut = isCut(suspected) || isCut(faults);
    path.faults = new Set(
      [...found].filter((fault) => {
        const isKnown = suspected.has(fault) || faults.has(fault);
        return isKnown || (CUTS.has(fault) && wasCut);
      }),
    );
    const isMtuSure = before?.pathMtu === undefined || before.pathMtu === result.pathMtu;
    if (isMtuSure && result.pathMtu !== undefined) path.pathMtu = result.pathMtu;
    const isMtuKnown = result.pathMtu === undefined || result.pathMtu === path.pathMtu;
    return isMtuKnown && [...found].every((fault) => path.faults.has(fault));
  }
}

function newPath(isUp: boolean, dueMs: number): Path {
  return { isUp, dueMs, isHeard: false, suspected: new Set(), faults: new Set() };
}

/** Which of the two it is may only be known later. */
const CUTS: ReadonlySet<PathFault> = new Set(['unreachable', 'one-way']);

function isCut(faults: ReadonlySet<PathFault>): boolean {
  return [...CUTS].some((fault) => faults.has(fault));
}
