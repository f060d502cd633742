/** The scenes of the demo, in the order in which a new user would try them. */
import { clientOf } from '../cluster/agents.ts';
import { LabError } from '../errors.ts';
import { LAB_CLIENT, labNode, labNodes } from '../layout.ts';
import { run } from '../shell.ts';
import { inNamespace } from '../underlay.ts';
import { DEMO_CHANGES, DEMO_PORT } from './image.ts';
import type { Engine } from './engine.ts';
import type { Story } from './story.ts';

export const DEMO_NODES = 3;
const IMAGE = 'whoami:1';
const NODES = labNodes(DEMO_NODES);
/** Asks per node: enough that a fair choice among three tasks misses none (1 in 10,000). */
const ASKS = 24;

export interface Stage {
  readonly story: Story;
  readonly engine: Engine;
}

interface TaskFacts {
  readonly id: string;
  readonly slot: number;
  readonly node: number;
  readonly containerId: string;
  readonly pid: number;
}

/** Shows a verb, runs it on node 1 (or another), shows what it printed, and returns that. */
async function show(stage: Stage, words: readonly string[], node = 1): Promise<string> {
  const quoted = words.map((word) => (/[\s"']/.test(word) ? `'${word}'` : word)).join(' ');
  stage.story.command(`${stage.engine.name} -H $NODE${node} ${quoted}`);
  const printed = await stage.engine.run(node, words);
  if (printed !== '') stage.story.output(printed);
  return printed;
}

export async function deploy(stage: Stage, imagePath: string): Promise<void> {
  const { story } = stage;
  story.title('A network and a service with three tasks, published on port 8000');
  const changes = DEMO_CHANGES.flatMap((change) => ['--change', change]);
  await show(stage, ['image', 'import', ...changes, imagePath, IMAGE]);
  await show(stage, ['network', 'create', '--driver', 'overlay', 'demo']);
  // busybox as the first process of a container takes no SIGTERM; nobody wants to wait for it.
  const common = ['--detach', '--network', 'demo', '--stop-grace-period', '1s'];
  const publish = ['--publish', `8000:${DEMO_PORT}`];
  await show(stage, [
    ...['service', 'create', '--name', 'whoami', '--replicas', '3'],
    ...[...common, ...publish, IMAGE],
  ]);
  const sleeping = ['--name', 'client', ...common, IMAGE, 'sleep', '86400'];
  await show(stage, ['service', 'create', ...sleeping]);
  await story.eventually(
    'three tasks of whoami and one of client run',
    async () => [(await runningTasks('whoami')).length, (await runningTasks('client')).length],
    ([whoami, client]) => whoami === 3 && client === 1,
  );
  await show(stage, ['service', 'ps', 'whoami']);
}

export async function names(stage: Stage): Promise<string> {
  const { story } = stage;
  story.title('Names: one virtual IP for the service, and every task by itself');
  const [vip = ''] = await story.eventually(
    'whoami has one address',
    () => lookUp(stage, 'whoami'),
    (addresses) => addresses.length === 1,
  );
  const tasks = await story.eventually(
    'tasks.whoami has three addresses',
    () => lookUp(stage, 'tasks.whoami'),
    (addresses) => addresses.length === 3,
  );
  story.check('the virtual IP is none of the tasks', !tasks.includes(vip), { vip, tasks });
  story.output(`whoami is ${vip}; tasks.whoami are ${tasks.join(', ')}`);
  const pinged = await inClient(stage, ['ping', '-c', '1', '-W', '2', 'whoami']);
  story.check(`ping whoami answers from ${vip}`, pinged.includes(`from ${vip}`), pinged);
  return vip;
}

export async function virtualIp(stage: Stage, vip: string): Promise<void> {
  const { story } = stage;
  story.title('The virtual IP spreads connections and keeps the client’s address');
  const answers = await story.eventually(
    'three tasks answer behind whoami',
    async () => {
      const ask =
        `for i in $(seq ${ASKS}); do timeout 3 wget -q -O - ` + `http://whoami:${DEMO_PORT}/; done`;
      return parseAnswers(await inClient(stage, ['sh', '-c', ask]));
    },
    (found) => found.size === 3,
  );
  const { addresses } = await clientTask();
  const clients = new Set([...answers.values()].flatMap((seen) => [...seen]));
  story.check(
    `each task sees the client itself (${[...clients].join(', ')}), not a gateway`,
    clients.size === 1 && [...clients].every((address) => addresses.includes(address)),
    { clients: [...clients], addresses, vip },
  );
}

export async function publishedPort(stage: Stage, tasks: number): Promise<void> {
  const { story } = stage;
  story.title(`The published port on every node, ${tasks} tasks behind it`);
  for (const node of NODES) {
    await portAnswers(stage, node.namespace, { url: `http://${node.address}:8000/`, tasks });
    await portAnswers(stage, node.namespace, { url: 'http://127.0.0.1:8000/', tasks });
    const outside = await portAnswers(stage, LAB_CLIENT.namespace, {
      url: `http://${node.address}:8000/`,
      tasks,
    });
    const clients = new Set([...outside.values()].flatMap((seen) => [...seen]));
    story.check(
      `tasks see the outside client's own address through node ${node.number}`,
      clients.size === 1 && clients.has(LAB_CLIENT.address),
      [...clients],
    );
  }
}

async function portAnswers(
  stage: Stage,
  namespace: string,
  { url, tasks }: { url: string; tasks: number },
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const name = namespace.replace('hawser-lab-', '');
  const where = name === 'client' ? 'the outside client' : `node ${name}`;
  return stage.story.eventually(
    `from ${where}, ${url} is answered by ${tasks} tasks in turn`,
    () => askFrom(namespace, url),
    (found) => found.size === tasks,
  );
}

/** Asks a page again and again over new connections: hosts that answered, and clients they saw. */
async function askFrom(namespace: string, url: string): Promise<Map<string, Set<string>>> {
  const curl = ['curl', '--silent', '--show-error', '--fail', '--max-time', '3'];
  const once = `${curl.join(' ')} ${url}`;
  const script = `for i in $(seq ${ASKS}); do ${once} || exit 1; done`;
  return parseAnswers(await run([...inNamespace(namespace), 'sh', '-c', script]));
}

/** Lines `host client` → clients by host. */
function parseAnswers(text: string): Map<string, Set<string>> {
  const answers = new Map<string, Set<string>>();
  for (const line of text.trim().split('\n')) {
    const [host = '', client = ''] = line.split(' ');
    const clients = answers.get(host) ?? new Set<string>();
    answers.set(host, clients.add(client));
  }
  return answers;
}

export async function scaling(stage: Stage, vip: string): Promise<void> {
  const { story } = stage;
  story.title('Scaling to two: the virtual IP stays');
  await show(stage, ['service', 'scale', '--detach', 'whoami=2']);
  await story.eventually(
    'two tasks of whoami run',
    () => runningTasks('whoami'),
    (tasks) => tasks.length === 2,
  );
  await story.eventually(
    'tasks.whoami has two addresses',
    () => lookUp(stage, 'tasks.whoami'),
    (addresses) => addresses.length === 2,
  );
  const after = await lookUp(stage, 'whoami');
  story.check(`whoami is still ${vip}`, after.length === 1 && after[0] === vip, after);
}

export async function killedTask(stage: Stage): Promise<void> {
  const { story } = stage;
  story.title('A killed task is replaced');
  const [victim] = await runningTasks('whoami');
  if (victim === undefined) return;
  story.command(`kill -9 ${victim.pid}   # whoami.${victim.slot} on node ${victim.node}`);
  process.kill(victim.pid, 'SIGKILL');
  await story.eventually(
    `another task takes slot ${victim.slot}`,
    () => runningTasks('whoami'),
    (tasks) => tasks.length === 2 && tasks.every((task) => task.id !== victim.id),
  );
  await show(stage, ['service', 'ps', 'whoami']);
}

/** Removes what the demo deployed, through the API, as its user would. */
export async function removeServices(stage: Stage): Promise<void> {
  const { story } = stage;
  story.title('Removing it');
  await show(stage, ['service', 'rm', 'whoami', 'client']);
  await story.eventually(
    'no container is left on any node',
    async () => (await Promise.all(NODES.map(({ number }) => containersOn(number)))).flat(),
    (containers) => containers.length === 0,
  );
  await show(stage, ['network', 'rm', 'demo']);
}

async function lookUp(stage: Stage, name: string): Promise<string[]> {
  const printed = await inClient(stage, ['nslookup', '-type=a', name]);
  // The first address is the server's own; each answer follows its name.
  return [...printed.matchAll(/^Name:\s+\S+\s+Address(?: \d+)?:\s+(\S+)/gm)]
    .map((match) => match[1] ?? '')
    .sort();
}

async function inClient(stage: Stage, command: readonly string[]): Promise<string> {
  const { node, containerId } = await clientTask();
  return stage.engine.run(node, ['exec', containerId, ...command]);
}

async function clientTask(): Promise<TaskFacts & { addresses: string[] }> {
  const [task] = await tasksOf('client');
  if (task === undefined) {
    throw new LabError(
      { code: 'too-late', awaited: 'a task of client' },
      'the service client has no running task',
    );
  }
  return { ...task.facts, addresses: task.addresses };
}

interface ApiTask {
  readonly ID: string;
  readonly Slot: number;
  readonly NodeID: string;
  readonly DesiredState: string;
  readonly Status: {
    readonly State: string;
    readonly ContainerStatus?: { readonly ContainerID: string; readonly PID: number };
  };
  readonly NetworksAttachments?: readonly { readonly Addresses: readonly string[] }[];
}

async function runningTasks(service: string): Promise<TaskFacts[]> {
  return (await tasksOf(service)).map(({ facts }) => facts);
}

async function tasksOf(service: string): Promise<{ facts: TaskFacts; addresses: string[] }[]> {
  const filters = JSON.stringify({ service: { [service]: true } });
  const manager = clientOf(labNode(1));
  const tasks = (await manager.call({
    method: 'GET',
    path: '/tasks',
    query: { filters },
  })) as ApiTask[];
  const numbers = await nodeNumbers();
  return tasks
    .filter((task) => task.Status.State === 'running')
    .map((task) => ({
      facts: {
        id: task.ID,
        slot: task.Slot,
        node: numbers.get(task.NodeID) ?? 0,
        containerId: task.Status.ContainerStatus?.ContainerID ?? '',
        pid: task.Status.ContainerStatus?.PID ?? 0,
      },
      addresses: (task.NetworksAttachments ?? [])
        .flatMap(({ Addresses }) => Addresses)
        .map((address) => address.split('/')[0] ?? ''),
    }));
}

/** Lab numbers of nodes by their ids. */
async function nodeNumbers(): Promise<ReadonlyMap<string, number>> {
  const answer = await clientOf(labNode(1)).call({ method: 'GET', path: '/nodes' });
  const rows = answer as { ID: string; Status: { Addr: string } }[];
  return new Map(
    rows.map(({ ID, Status }) => [
      ID,
      NODES.find(({ address }) => address === Status.Addr)?.number ?? 0,
    ]),
  );
}

async function containersOn(node: number): Promise<string[]> {
  const request = { method: 'GET', path: '/containers/json', query: { all: true } } as const;
  const rows = (await clientOf(labNode(node)).call(request)) as { Id: string }[];
  return rows.map(({ Id }) => Id);
}
