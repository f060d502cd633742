/** What a node decides about its attachments; its kernel and its managers do as they are told. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SILENT_LOGGER, SYSTEM_CLOCK, SeededRng } from '../../../src/base/index.ts';
import { ClusterError, type AttachRequest } from '../../../src/cluster/index.ts';
import type { Revision, TaskId, TaskStatus, ViewRow } from '../../../src/model/index.ts';
import { AttachmentTable, Attachments } from '../../../src/node/index.ts';
import { until } from '../../../src/node/attach/until.ts';
import { buildView } from '../../../src/store/index.ts';
import type { JoinProblem } from '../../../src/kernel/index.ts';

const NETWORK = 'network00000000000000000a';
const PATHS = new Map([
  ['/run/netns/a', '4:1'],
  ['/run/netns/b', '4:2'],
  ['/run/netns/own', '4:9'],
]);

/** A node whose managers give what is asked for, unless told to refuse. */
class Stage {
  readonly reports: { id: TaskId; state: TaskStatus['state'] }[] = [];
  readonly paths = new Map(PATHS);
  readonly destinations: string[] = [];
  readonly retired: string[] = [];
  problem: JoinProblem | undefined;
  refusal: ClusterError | undefined;
  revision = 1;
  private readonly given = new Map<TaskId, AttachRequest>();
  private readonly held = new Map<string, string>();
  readonly attachments: Attachments;
  readonly table: AttachmentTable;

  constructor(table: AttachmentTable) {
    this.table = table;
    this.attachments = new Attachments({
      table,
      runDirectory: '/run/x',
      clock: SYSTEM_CLOCK,
      rng: new SeededRng(3),
      logger: SILENT_LOGGER,
      member: this.member() as never,
      door: {
        identity: (path) => this.paths.get(path) ?? this.held.get(path),
        isOwn: (identity) => identity === '4:9',
        join: async (name, path) => {
          if (this.problem === undefined)
            this.held.set(`/run/x/netns/${name}`, this.paths.get(path) ?? '');
          return this.problem;
        },
        rejoin: async () => undefined,
        foreignDestinations: () => this.destinations,
      },
      reconciler: {
        whenConverged: async () => undefined,
        retire: (name: string) => {
          this.retired.push(name);
          this.held.delete(`/run/x/netns/${name}`);
        },
      } as never,
      names: {
        openJoint: async () => undefined,
        close: async () => undefined,
        portsOf: () => ({ udpPort: 1, tcpPort: 2 }),
      } as never,
    });
  }

  /** The managers' view, with or without the places that they gave. */
  tell({ isRemembered = false, has = [...this.given.keys()] } = {}): void {
    this.revision += 1;
    const rows = has.flatMap((id) => {
      const task = this.taskOf(id);
      return [
        { kind: 'assignment', task, labels: {} },
        { kind: 'endpoint', taskId: id, attachments: task.attachments, isServing: true },
      ];
    });
    const network = { networkId: NETWORK, name: 'demo', subnets: [{ prefix: '10.0.1.0/24' }] };
    const all = [...rows, { kind: 'network', ...network }] as object[] as ViewRow[];
    const view = buildView('n1' as never, this.revision as Revision, all);
    this.attachments.follow({ ...view, ...(isRemembered && { isRemembered }) });
  }

  statesOf(id: TaskId): string[] {
    return this.reports.filter((each) => each.id === id).map(({ state }) => state);
  }

  private member(): object {
    return {
      status: () => ({ state: 'pending' }),
      report: (reports: readonly { id: TaskId; status: TaskStatus }[]) => {
        for (const { id, status } of reports) this.reports.push({ id, state: status.state });
      },
      attach: async (request: AttachRequest) => {
        if (this.refusal !== undefined) throw this.refusal;
        this.given.set(request.id, request);
        queueMicrotask(() => this.tell());
        return { networkId: NETWORK, address: '10.0.1.5' };
      },
    };
  }

  private taskOf(id: TaskId): { readonly attachments: readonly object[] } {
    return {
      id,
      spec: { NetworkAttachmentSpec: { ContainerID: '' } },
      desiredState: 'running',
      status: { state: 'assigned' },
      attachments: [{ networkId: NETWORK, address: '10.0.1.5', mac: '', aliases: [] }],
    } as never;
  }
}

async function stage(t: ExecutionContext, directory?: string): Promise<Stage> {
  const at = directory ?? (await mkdtemp(join(tmpdir(), 'hawser-attach-')));
  t.teardown(() => rm(at, { recursive: true, force: true }));
  const made = new Stage(await AttachmentTable.open(at, SILENT_LOGGER));
  await made.attachments.start(() => undefined);
  t.teardown(() => made.attachments.close());
  return made;
}

const ASKED = { path: '/run/netns/a', network: 'demo', name: 'alpha' };

test('a namespace is held, given a place, planned and said to run; then given back', async (t) => {
  const node = await stage(t);
  const attached = await node.attachments.attach(ASKED);
  t.like(attached, { name: 'alpha', link: 'hawser0', networkName: 'demo' });
  t.like(attached.place, { networkId: NETWORK, address: '10.0.1.5' });
  const [joint] = node.attachments.joints();
  t.deepEqual(joint?.legs, [{ taskId: attached.taskId, link: 'hawser0' }]);
  t.deepEqual(joint?.resolverPorts, { udp: 1, tcp: 2 });
  t.true(node.statesOf(attached.taskId).includes('running'));
  await node.attachments.detach('alpha');
  t.deepEqual(node.attachments.joints(), []);
  t.is(node.statesOf(attached.taskId).at(-1), 'shutdown');
  t.deepEqual(node.retired, [attached.namespace]);
});

const REFUSED: readonly {
  readonly name: string;
  readonly path?: string;
  readonly set?: (node: Stage) => void;
  readonly code: string;
}[] = [
  { name: 'no namespace', path: '/etc/passwd', code: 'not-a-namespace' },
  { name: "the agent's own", path: '/run/netns/own', code: 'own' },
  { name: 'somebody is in it', set: (node) => (node.problem = 'occupied'), code: 'occupied' },
  {
    name: 'it reaches the addresses already',
    set: (node) => node.destinations.push('10.0.0.0/16'),
    code: 'overlap',
  },
  {
    name: 'the managers refuse',
    set: (node) => (node.refusal = new ClusterError({ code: 'refused', reason: 'x' }, 'no')),
    code: 'refused',
  },
];

for (const { name, path = ASKED.path, set, code } of REFUSED) {
  test(`what is refused leaves nothing behind: ${name}`, async (t) => {
    const node = await stage(t);
    set?.(node);
    const error = await t.throwsAsync(node.attachments.attach({ ...ASKED, path }));
    t.like(error, { detail: { code } });
    t.deepEqual(node.table.values(), []);
    t.deepEqual(node.attachments.joints(), []);
  });
}

test('a second network in one namespace is another interface', async (t) => {
  const node = await stage(t);
  const first = await node.attachments.attach(ASKED);
  const { row, isFirst } = await node.table.add({
    taskId: 'second000000000000000000a' as TaskId,
    name: 'second',
    path: ASKED.path,
    identity: '4:1',
  });
  t.false(isFirst);
  t.is(row.namespace, first.namespace);
  t.is(row.link, 'hawser1');
  const again = await t.throwsAsync(node.attachments.attach({ ...ASKED, name: 'again' }));
  t.like(again, { detail: { code: 'overlap' } });
});

test('a place that this node has no namespace for goes back, but not by a view of yesterday', async (t) => {
  const node = await stage(t);
  const stranger = 'stranger0000000000000000a' as TaskId;
  node.tell({ has: [stranger], isRemembered: true });
  t.deepEqual(node.statesOf(stranger), []);
  node.tell({ has: [stranger] });
  await until(() => node.statesOf(stranger).length > 0, 10_000);
  t.deepEqual(node.statesOf(stranger), ['shutdown']);
});

test('a place that the cluster took away goes, but not by a view of yesterday', async (t) => {
  const node = await stage(t);
  const { taskId } = await node.attachments.attach(ASKED);
  node.tell({ has: [], isRemembered: true });
  t.not(node.table.get(taskId), undefined);
  node.tell({ has: [] });
  t.is(node.table.get(taskId), undefined);
});

test('a restart adopts what had its place, and settles what had not', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-attach-'));
  const node = await stage(t, directory);
  const { taskId } = await node.attachments.attach(ASKED);
  const half = { taskId: 'half00000000000000000000a' as TaskId, name: 'half' };
  await node.table.add({ ...half, path: '/run/netns/b', identity: '4:2' });
  const next = await stage(t, directory);
  t.deepEqual(
    next.table.values().map((row) => row.taskId),
    [taskId],
  );
  await writeFile(join(directory, 'attachments.json'), 'torn');
  t.deepEqual((await AttachmentTable.open(directory, SILENT_LOGGER)).values(), []);
  t.is(await readFile(join(directory, 'attachments.json'), 'utf8'), 'torn');
});
