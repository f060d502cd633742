/** Probes of the paths to other nodes, made from the parts of this agent. */
import { SYSTEM_CLOCK } from '../base/index.ts';
import type { ClusterMember } from '../cluster/index.ts';
import { PATH_NAMESPACE } from '../dataplane/index.ts';
import { BARE_PORT, PROBE_PORT, PathProbes } from '../node/index.ts';
import { SYSTEM_RNG } from './backend.ts';
import type { Parts } from './parts.ts';
import type { StopStack } from './stop-stack.ts';

/** How long the namespace of the probes may take to be as planned. */
const READY_MS = 15_000;

export function startProbes(parts: Parts, member: ClusterMember, stops: StopStack): PathProbes {
  const { kernel, reconciler, logger } = parts;
  const probes = new PathProbes({
    openSockets: (address) => {
      const at = (port: number): { address: string; port: number } => ({ address, port });
      return {
        summed: kernel.openPathSocket(PATH_NAMESPACE, at(PROBE_PORT), { isSummed: true }),
        bare: kernel.openPathSocket(PATH_NAMESPACE, at(BARE_PORT), { isSummed: false }),
      };
    },
    whenReady: () => reconciler.whenConverged([PATH_NAMESPACE], READY_MS),
    onNews: () => member.refreshDescription(),
    rng: SYSTEM_RNG,
    clock: SYSTEM_CLOCK,
    logger: logger.child({ room: 'paths' }),
  });
  stops.add(() => probes.close());
  stops.add(member.onView((view) => probes.update(view)));
  probes.update(member.view);
  return probes;
}
