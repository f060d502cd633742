/**
 * Benchmarks, printed as ratios against a peer in the same run; nothing here passes or fails a
 * test.
 *
 * Each measurement alternates with its peer, and medians are compared, because the machine is
 * shared. `make bench` runs all; arguments name the ones to run: `overlay`, `agent`, `service`,
 * `etcd`, `raft`, `store`.
 */
import { agentRows } from './agent.ts';
import { etcdRows } from './etcd/index.ts';
import { overlayRows } from './overlay.ts';
import { raftCoreRows } from './raft-core.ts';
import { serviceRows } from './service.ts';
import { storeRows } from './store/index.ts';
import { printRows, type Row } from './table.ts';

const BENCHMARKS: Readonly<Record<string, () => Promise<Row[]>>> = {
  overlay: overlayRows,
  agent: agentRows,
  service: serviceRows,
  etcd: etcdRows,
  raft: async () => raftCoreRows(),
  store: storeRows,
};

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(BENCHMARKS);
const rows: Row[] = [];
for (const name of wanted) {
  const benchmark = BENCHMARKS[name];
  if (benchmark === undefined) {
    console.error(`no benchmark ${name}: choose from ${Object.keys(BENCHMARKS).join(', ')}`);
    process.exit(2);
  }
  console.error(`bench: ${name} …`);
  rows.push(...(await benchmark()));
}
printRows(rows);
