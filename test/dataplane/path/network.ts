/** A way between two nodes, as probes meet it. */
import type { AddressedProbe, Echo, Moment, PathProber } from '../../../src/dataplane/index.ts';
import { Trial, type Probe, type TrialResult } from '../../../src/dataplane/path/trial.ts';

export interface Way {
  /** Largest outer packet. */
  readonly mtu?: number;
  /** Every so many probes one is lost. */
  readonly losesEvery?: number;
  readonly losesSummed?: boolean;
  readonly losesLargeSummed?: boolean;
  readonly corrupts?: boolean;
  readonly isCut?: boolean;
  readonly clockAheadMs?: number;
}

const DELAY_MS = 5;
const OUTER_BYTES = 50;
const LARGE_BYTES = 1000;

/** What comes back of a probe, if anything. `count` is of all probes so far. */
function echoOf(
  probe: Probe,
  way: Way,
  { count, at }: { readonly count: number; readonly at: Moment },
): Echo | undefined {
  const { mtu = 1500, losesEvery, losesSummed, losesLargeSummed, corrupts, isCut } = way;
  const isLost =
    isCut === true ||
    probe.bytes + OUTER_BYTES > mtu ||
    (losesEvery !== undefined && count % losesEvery === 0) ||
    (losesSummed === true && probe.isSummed) ||
    (losesLargeSummed === true && probe.isSummed && probe.bytes >= LARGE_BYTES);
  if (isLost) return undefined;
  const peerWallMs = at.wallMs + (way.clockAheadMs ?? 0);
  return { id: probe.id, isIntact: corrupts !== true, peerWallMs };
}

/** A trial from its first probe to its end; how long it took, and how much it sent. */
export function tryOut(way: Way): { result: TrialResult; ms: number; sent: number } {
  let nextId = 0;
  let nowMs = 1000;
  const at = (): Moment => ({ nowMs, wallMs: 1_000_000 + nowMs });
  const trial = new Trial(() => (nextId += 1), at());
  let sent = 0;
  while (!trial.isDone) {
    const probes = trial.drain();
    sent += probes.length;
    const first = sent - probes.length;
    const middle = { ...at(), wallMs: at().wallMs + DELAY_MS };
    const echoes = probes.flatMap(
      (probe, index) => echoOf(probe, way, { count: first + index + 1, at: middle }) ?? [],
    );
    nowMs += 2 * DELAY_MS;
    for (const echo of echoes) trial.answered(echo, at());
    if (probes.length > 0) continue;
    nowMs = Math.max(nowMs, trial.wakeMs);
    trial.tick(at());
  }
  return { result: trial.result(), ms: nowMs - 1000, sent };
}

/** Carries probes of a prober for a while; `wayTo` says what each meets. */
export function carry(
  prober: PathProber,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  wayTo: (nodeId: AddressedProbe['to']) => Way,
): AddressedProbe[] {
  const all: AddressedProbe[] = [];
  let nowMs = fromMs;
  while (nowMs < toMs) {
    const at = { nowMs, wallMs: nowMs };
    prober.tick(at);
    const probes = prober.drain();
    for (const probe of probes) {
      all.push(probe);
      const echo = echoOf(probe, wayTo(probe.to), { count: all.length, at });
      if (echo !== undefined) prober.answered(probe.to, echo, at);
    }
    const next = probes.length > 0 ? nowMs : (prober.wakeMs ?? toMs);
    nowMs = Math.max(nowMs + 10, next);
  }
  return all;
}
