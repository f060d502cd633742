/** What probes of the paths to other nodes have found. */
import { Gauge, type Registry } from 'prom-client';
import type { PathReport } from '../../dataplane/index.ts';

const GAUGES: readonly (readonly [string, string, (report: PathReport) => number])[] = [
  [
    'hawser_overlay_path_probed_nodes',
    'Peers that are up and were probed.',
    ({ probed }) => probed,
  ],
  [
    'hawser_overlay_path_reachable_nodes',
    'Those of them that answer through the tunnel.',
    ({ reachable }) => reachable,
  ],
  [
    'hawser_overlay_path_mtu_bytes',
    'Largest packet that passes undivided on the narrowest path; 0 while none was measured.',
    ({ pathMtu = 0 }) => pathMtu,
  ],
  [
    'hawser_overlay_path_clock_offset_seconds',
    'The largest difference of a peer’s clock from this one.',
    ({ clockOffsetMs }) => clockOffsetMs / 1000,
  ],
];
const FAULTS = ['unreachable', 'one-way', 'checksum', 'corrupt', 'loss', 'clock', 'mtu'] as const;

export function collectPaths(registry: Registry, report: () => PathReport | undefined): void {
  const registers = [registry];
  for (const [name, help, valueOf] of GAUGES) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const seen = report();
        this.set(seen === undefined ? 0 : valueOf(seen));
      },
    });
  }
  new Gauge({
    name: 'hawser_overlay_path_faulty_nodes',
    help: 'Peers whose path has a fault that two trials in a row have found.',
    labelNames: ['fault'],
    registers,
    collect() {
      const problems = report()?.problems ?? [];
      for (const fault of FAULTS)
        this.set({ fault }, problems.filter((problem) => problem.fault === fault).length);
    },
  });
}
