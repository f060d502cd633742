/**
 * Server CPU per query of the DNS engine, beside a bare echo of datagrams and, where their programs
 * are installed, unbound and dnsmasq with the same name. Servers run on one CPU and the load on
 * another; each round measures all of them, one after the other.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { SILENT_LOGGER, SYSTEM_CLOCK } from '../../src/base/index.ts';
import { EngineLink } from '../../src/node/resolver/engine/engine-link.ts';
import { Resolver } from '../../src/node/index.ts';
import type { Row } from '../table.ts';
import { rootDirectory, run, withDirectory } from '../tools.ts';
import { ASKER, VIEW, queryFor } from './names.ts';

const ROUNDS = 5;
const SECONDS = 1.5;
const UNDER_WAY = 64;
const SERVER_CPU = '0';
const LOAD_CPU = '1';
const MANY_SANDBOXES = 1000;

interface Server {
  readonly name: string;
  readonly address: string;
  readonly pid: number;
  readonly ports: readonly number[];
  /** Asked for. */
  readonly question: string;
}

export async function dnsRows(): Promise<Row[]> {
  return withDirectory(async (directory) => {
    const load = await compiled(directory, 'load');
    const children: ChildProcess[] = [];
    const { servers, stop } = await engineServers(directory);
    try {
      servers.unshift(await echo(directory, children), ...(await peers(directory, children)));
      for (const { pid } of servers) await run('taskset', '-a', '-cp', SERVER_CPU, String(pid));
      const costs = new Map(servers.map(({ name }) => [name, [] as number[]]));
      for (let round = 0; round < ROUNDS; round += 1)
        for (const server of servers) costs.get(server.name)?.push(await cost(load, server));
      return rowsOf(new Map([...costs].map(([name, all]) => [name, median(all)])));
    } finally {
      for (const child of children) child.kill('SIGKILL');
      await stop();
    }
  });
}

const GOALS: Readonly<Record<string, number>> = {
  'VIP, one container': 1.2,
  'VIP, 1,000 containers, 10,000 names': 1.35,
  'ten addresses, one container': 1.5,
};

function rowsOf(costs: ReadonlyMap<string, number>): Row[] {
  const echoed = costs.get('echo') ?? Number.NaN;
  return [...costs]
    .filter(([name]) => name !== 'echo')
    .map(([name, cost]) => {
      const ratio = cost / echoed;
      const goal = GOALS[name];
      return {
        what: `dns: server CPU per query, ${name}`,
        measured: `${cost.toFixed(2)} µs`,
        peer: `${echoed.toFixed(2)} µs (echo)`,
        result: ratio.toFixed(2),
        goal: goal === undefined ? 'none, a peer' : `<= ${goal}`,
        isMet: goal === undefined || ratio <= goal,
      };
    });
}

/** Microseconds of the server's CPU per answered query. */
async function cost(load: string, server: Server): Promise<number> {
  const before = cpuNs(server.pid);
  const query = queryFor(server.question).toString('hex');
  const words = [server.address, String(SECONDS), String(UNDER_WAY), query];
  const said = await run('taskset', '-c', LOAD_CPU, load, ...words, ...server.ports.map(String));
  const answered = Number(said);
  if (answered === 0) throw new Error(`${server.name} answers nothing`);
  return (cpuNs(server.pid) - before) / 1000 / answered;
}

/** What its first thread has run so far; the servers here have one each. */
function cpuNs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]);
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

async function compiled(directory: string, name: string): Promise<string> {
  const program = join(directory, name);
  const source = join(rootDirectory(), `bench/dns/${name}.cc`);
  await run('g++', '-std=c++20', '-O2', '-o', program, source);
  return program;
}

async function engineServers(
  directory: string,
): Promise<{ servers: Server[]; stop: () => Promise<void> }> {
  const resolver = new Resolver({
    place: { runDirectory: directory, cgroups: [] },
    sockets: {
      openClient: () => {
        throw new Error('nothing is asked outside here');
      },
    },
    clock: SYSTEM_CLOCK,
    logger: SILENT_LOGGER,
  });
  resolver.update(VIEW);
  const ports: number[] = [];
  for (let index = 0; index < MANY_SANDBOXES; index += 1) {
    const box = { networkNamespacePath: '', asker: ASKER, upstreams: [] };
    ports.push((await resolver.open(`box-${index}`, box)).udpPort);
  }
  await resolver.whenServed();
  const link = await EngineLink.connect(join(directory, 'dns.sock'));
  link.close();
  const { pid } = link.welcome;
  const server = { address: '127.0.0.11', pid };
  const one = ports.slice(0, 1);
  const servers = [
    { ...server, name: 'VIP, one container', ports: one, question: 'web' },
    { ...server, name: 'ten addresses, one container', ports: one, question: 'tasks.web' },
    { ...server, name: 'VIP, 1,000 containers, 10,000 names', ports, question: 'web' },
  ];
  return { servers, stop: () => resolver.shutDown() };
}

async function echo(directory: string, children: ChildProcess[]): Promise<Server> {
  const child = spawn(await compiled(directory, 'echo'), { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const ports = [Number(said.toString())];
  return { name: 'echo', address: '127.0.0.11', pid: child.pid ?? 0, ports, question: 'web' };
}

/** Full servers answering the same name, each on a port of 127.0.0.1. */
async function peers(directory: string, children: ChildProcess[]): Promise<Server[]> {
  const [unboundPort, dnsmasqPort] = [await freePort(), await freePort()];
  const conf = join(directory, 'unbound.conf');
  writeFileSync(conf, unboundConf(directory, unboundPort));
  const commands: readonly (readonly [string, number, readonly string[]])[] = [
    ['unbound', unboundPort, ['-d', '-c', conf]],
    ['dnsmasq', dnsmasqPort, dnsmasqWords(dnsmasqPort)],
  ];
  const servers: Server[] = [];
  for (const [name, port, words] of commands) {
    const program = ['/usr/sbin', process.env['DNS_PEERS'] ?? '']
      .map((folder) => join(folder, name))
      .find((path) => existsSync(path));
    if (program === undefined) {
      console.error(`bench: dns: no ${name} here to compare with (apt-get install ${name})`);
      continue;
    }
    const child = spawn(program, words, { stdio: 'ignore' });
    children.push(child);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
    const address = '127.0.0.1';
    servers.push({ name, address, pid: child.pid ?? 0, ports: [port], question: 'web' });
  }
  return servers;
}

function unboundConf(directory: string, port: number): string {
  const lines = ['interface: 127.0.0.1', `port: ${port}`, 'username: ""', 'chroot: ""'];
  const place = [`directory: "${directory}"`, 'module-config: "iterator"'];
  const quiet = ['do-daemonize: no', 'use-syslog: no', `pidfile: "${directory}/unbound.pid"`];
  const local = ['local-zone: "web." static', 'local-data: "web. 5 IN A 10.0.1.2"'];
  const server = [...lines, ...place, ...quiet, ...local, 'num-threads: 1', 'do-ip6: no'];
  return ['server:', ...server, 'remote-control:', 'control-enable: no'].join('\n');
}

function dnsmasqWords(port: number): string[] {
  const listening = ['--listen-address=127.0.0.1', '--bind-interfaces', `--port=${port}`];
  const alone = ['--no-resolv', '--no-hosts', '--conf-file=/dev/null', '--user=root'];
  return [
    '--keep-in-foreground',
    ...listening,
    ...alone,
    '--host-record=web,10.0.1.2',
    '--pid-file',
  ];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}
