/**
 * One node's data plane as a process of its own, so that its host namespace can be any: `nsenter
 * --net=… node this-file`. Reads commands and writes answers, one JSON document per line.
 */
import { createInterface } from 'node:readline';
import { SILENT_LOGGER, SYSTEM_CLOCK } from '../../../../src/base/index.ts';
import { plan } from '../../../../src/dataplane/index.ts';
import { LinuxKernel } from '../../../../src/kernel/index.ts';
import { Reconciler, ReconcileError } from '../../../../src/node/reconcile/index.ts';
import { localOf, viewOf, type TestCluster } from '../../../dataplane/support/view.ts';

export type NodeCommand =
  /** Makes the cluster's plan for the node true; answers when it is. */
  | { readonly command: 'plan'; readonly cluster: TestCluster; readonly node: number }
  /** Answers with the repairs so far, by kind. */
  | { readonly command: 'repairs' }
  /** Takes everything away. */
  | { readonly command: 'teardown' };

const [runDirectory] = process.argv.slice(2);
const repairs: Record<string, number> = {};
let passes = 0;
let operations = 0;

async function main(directory: string): Promise<void> {
  const kernel = new LinuxKernel({ runDirectory: directory });
  const apply = kernel.apply.bind(kernel);
  kernel.apply = (name, batch) => {
    operations += batch.length;
    return apply(name, batch);
  };
  const reconciler = new Reconciler({
    kernel,
    clock: SYSTEM_CLOCK,
    logger: SILENT_LOGGER,
    watch: (namespace, handlers) => kernel.watch(namespace, handlers),
    metrics: {
      repaired: (kind) => (repairs[kind] = (repairs[kind] ?? 0) + 1),
      passed: () => (passes += 1),
    },
  });
  for await (const line of createInterface({ input: process.stdin })) {
    const answer = await obey(reconciler, JSON.parse(line) as NodeCommand).catch(describe);
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  await reconciler.close();
  kernel.close();
}

async function obey(reconciler: Reconciler, request: NodeCommand): Promise<unknown> {
  const startedMs = performance.now();
  switch (request.command) {
    case 'plan': {
      const { cluster, node } = request;
      const next = plan({ view: viewOf(cluster, node), local: localOf(cluster, node) });
      reconciler.setPlan(next, { isComplete: true });
      await reconciler.whenConverged([]);
      break;
    }
    case 'teardown':
      reconciler.setPlan(new Map(), { isComplete: true });
      await reconciler.whenConverged([]);
      break;
    case 'repairs':
      break;
  }
  return { ok: true, repairs, passes, operations, ms: Math.round(performance.now() - startedMs) };
}

function describe(error: unknown): unknown {
  const detail = error instanceof ReconcileError ? error.detail : undefined;
  return { ok: false, message: String(error), detail };
}

if (runDirectory !== undefined) await main(runDirectory);
