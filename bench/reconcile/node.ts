/**
 * One node's planner, reconcile loop and kernel in a network namespace of its own: `unshare -n node
 * this-file DIRECTORY SELF VNI`. Obeys lines on its input; answers each with one line of JSON.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { SILENT_LOGGER, SYSTEM_CLOCK } from '../../src/base/index.ts';
import { Planner } from '../../src/dataplane/index.ts';
import { LinuxKernel } from '../../src/kernel/index.ts';
import { renderNft } from '../../src/kernel/nft/render.ts';
import { Reconciler } from '../../src/node/reconcile/index.ts';
import { BENCH_OVERLAY, BenchView } from './view.ts';

/** Of this process, and of the programs that it ran. */
interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
  readonly childCpuMs: number;
  /** Times that a namespace was listed. */
  readonly looks: number;
}

const CLOCK_TICK_MS = 10;
const DEADLINE_MS = 60_000;

class BenchNode {
  private readonly kernel: LinuxKernel;
  private readonly reconciler: Reconciler;
  private readonly planner = new Planner();
  private view: BenchView | undefined;
  private looks = 0;

  constructor(directory: string) {
    this.kernel = new LinuxKernel({ runDirectory: directory });
    const observe = this.kernel.observe.bind(this.kernel);
    this.kernel.observe = (name, request) => {
      this.looks += 1;
      return observe(name, request);
    };
    this.reconciler = new Reconciler({
      kernel: this.kernel,
      clock: SYSTEM_CLOCK,
      logger: SILENT_LOGGER,
      watch: (namespace, handlers) => this.kernel.watch(namespace, handlers),
    });
  }

  /** Programs a view of this size; what is there already stays. */
  program(endpoints: number, services: number): Promise<Cost> {
    this.view = new BenchView({ self, vni, endpoints, services });
    return this.measure(() => this.follow());
  }

  /** One endpoint goes, or comes. */
  change(at: number, isThere: boolean): Promise<Cost> {
    return this.measure(() => {
      if (isThere) this.view?.add(at);
      else this.view?.remove(at);
      return this.follow();
    });
  }

  /** Endpoints from one number to another, all at once. */
  scale(from: number, to: number): Promise<Cost> {
    return this.measure(() => {
      for (let at = from; at < to; at += 1) this.view?.add(at);
      return this.follow();
    });
  }

  /** A full reading of the large namespace and its comparison. */
  async verify(): Promise<Cost> {
    const before = this.looks;
    return this.measure(async () => {
      this.reconciler.markSuspect(BENCH_OVERLAY);
      while (this.looks === before) await new Promise((resolve) => setTimeout(resolve, 5));
      await this.reconciler.whenConverged([], DEADLINE_MS);
    });
  }

  /** The same rows as scripts of the usual tools. */
  scripts(): { readonly bridge: string; readonly ip: string; readonly nft: string } {
    const objects = this.plan().get(BENCH_OVERLAY) ?? [];
    const bridge: string[] = [];
    const ip: string[] = [];
    let nft = '';
    for (const object of objects) {
      if (object.kind === 'fdb' && object.owner === 'self')
        bridge.push(`fdb replace ${object.mac} dev ${object.link} dst ${object.vtep}`);
      if (object.kind === 'neighbour')
        ip.push(`neigh replace ${object.address} lladdr ${object.mac} dev ${object.link}`);
      if (object.kind === 'address') ip.push(`addr replace ${object.address} dev ${object.link}`);
      if (object.kind === 'nft-table') nft += renderNft(undefined, object);
    }
    return { bridge: bridge.join('\n'), ip: ip.join('\n'), nft };
  }

  async teardown(): Promise<void> {
    this.reconciler.setPlan(new Map(), { isComplete: true });
    await this.reconciler.whenConverged([], DEADLINE_MS);
    await this.reconciler.close();
    this.kernel.close();
  }

  private plan(): ReturnType<Planner['plan']> {
    if (this.view === undefined) throw new Error('no view yet');
    return this.planner.plan({ view: this.view.view, local: this.view.local });
  }

  private async follow(): Promise<void> {
    this.reconciler.setPlan(this.plan(), { isComplete: true });
    await this.reconciler.whenConverged([], DEADLINE_MS);
  }

  private async measure(work: () => Promise<unknown>): Promise<Cost> {
    const looks = this.looks;
    const childMs = childCpuMs();
    const cpu = process.cpuUsage();
    const startMs = performance.now();
    await work();
    const ms = performance.now() - startMs;
    const { user, system } = process.cpuUsage(cpu);
    return {
      ms,
      cpuMs: (user + system) / 1000,
      childCpuMs: childCpuMs() - childMs,
      looks: this.looks - looks,
    };
  }
}

/** CPU of children that have ended (proc(5), cutime and cstime). */
function childCpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[13]) + Number(fields[14])) * CLOCK_TICK_MS;
}

const [directory = '', selfText = '1', vniText = '1'] = process.argv.slice(2);
const self = Number(selfText);
const vni = Number(vniText);
const node = new BenchNode(directory);

async function obey(line: string): Promise<unknown> {
  const [word, ...rest] = line.split(' ');
  const [one = 0, other = 0] = rest.map(Number);
  switch (word) {
    case 'program':
      return node.program(one, other);
    case 'change':
      return node.change(one, other === 1);
    case 'scale':
      return node.scale(one, other);
    case 'verify':
      return node.verify();
    case 'scripts':
      return node.scripts();
    case 'memory':
      return { bytes: process.memoryUsage.rss() };
    default:
      return node.teardown();
  }
}

for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify((await obey(line)) ?? {})}\n`);
