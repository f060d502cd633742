/**
 * `hawser agent --teardown`: takes away everything that outlives an agent, and nothing that an
 * operator stored.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeEmptyCgroups } from './host/cgroups.ts';
import type { Parts } from './parts.ts';

/**
 * Tasks' containers, kernel objects and namespaces go; identity, cluster state, images and volumes
 * stay.
 */
export async function teardown(
  parts: Pick<Parts, 'runtime' | 'reconciler' | 'config'>,
): Promise<void> {
  const { runtime, reconciler, config } = parts;
  const failures: unknown[] = [];
  const containers = runtime?.list() ?? [];
  await Promise.all(
    containers.map(async ({ id }) => {
      try {
        await runtime?.stop(id, 0);
        await runtime?.remove(id);
      } catch (error) {
        failures.push(error);
      }
    }),
  );
  reconciler.setPlan(new Map(), { isComplete: true });
  await reconciler.whenConverged([]).catch((error: unknown) => failures.push(error));
  await removeEmptyCgroups();
  await rm(join(config.runDirectory, 'sandboxes.json'), { force: true });
  if (failures.length > 0)
    throw new AggregateError(failures, `${failures.length} things could not be removed`);
}
