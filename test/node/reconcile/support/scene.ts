/**
 * Two nodes and a client on an underlay of their own, in network namespaces that go with the
 * test.
 */
import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { NodeCommand } from './node-process.ts';

export const VTEPS = ['198.18.0.1', '198.18.0.2'] as const;
export const CLIENT = '198.18.0.254';
const UNDERLAY = 'u';
const MEMBERS = [
  ['1', VTEPS[0]],
  ['2', VTEPS[1]],
  ['client', CLIENT],
] as const;

export interface NodeAnswer {
  readonly ok: boolean;
  readonly message?: string;
  readonly detail?: unknown;
  readonly repairs?: Readonly<Record<string, number>>;
  readonly passes?: number;
  /** Asked of the kernel since the process began. */
  readonly operations?: number;
  readonly ms?: number;
}

interface NodeProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly lines: AsyncIterator<string>;
  readonly reader: Interface;
}

/** Close it in any case; nothing of it stays. */
export class TwoNodes {
  private readonly prefix = `hwrec${process.pid}-`;
  private readonly directory = mkdtempSync(join(tmpdir(), 'hawser-reconcile-'));
  private readonly nodes = new Map<number, NodeProcess>();
  private readonly servers: ChildProcessWithoutNullStreams[] = [];

  /**
   * `hostBridgeNetfilter`: as on a machine that runs a Docker Engine, where bridged frames pass
   * the IP hooks.
   */
  open(hostBridgeNetfilter: boolean): void {
    this.addNamespace(UNDERLAY);
    this.ip(UNDERLAY, 'link', 'add', 'br0', 'type', 'bridge');
    this.ip(UNDERLAY, 'link', 'set', 'br0', 'up');
    this.writeSysctl(UNDERLAY, 'net.bridge.bridge-nf-call-iptables', '0');
    for (const [name, address] of MEMBERS) {
      this.addNamespace(name);
      const peer = ['peer', 'name', 'eth0', 'netns', this.prefix + name];
      this.ip(UNDERLAY, 'link', 'add', `p${name}`, 'type', 'veth', ...peer);
      this.ip(UNDERLAY, 'link', 'set', `p${name}`, 'master', 'br0', 'up');
      this.ip(name, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
      this.ip(name, 'link', 'set', 'eth0', 'up');
      const isOn = hostBridgeNetfilter ? '1' : '0';
      this.writeSysctl(name, 'net.bridge.bridge-nf-call-iptables', isOn);
      this.writeSysctl(name, 'net.ipv4.ip_forward', '0');
    }
    for (const number of [1, 2]) this.startNode(number);
  }

  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const server of this.servers) server.kill('SIGKILL');
    for (const number of this.nodes.keys()) {
      await this.tell(number, { command: 'teardown' }).catch((error: unknown) =>
        failures.push(error),
      );
      this.nodes.get(number)?.child.stdin.end();
      this.nodes.get(number)?.reader.close();
    }
    const left = [1, 2].flatMap((number) => this.namespacesOf(number));
    for (const [name] of [...MEMBERS, [UNDERLAY] as const])
      tryRun('ip', ['netns', 'del', this.prefix + name]);
    rmSync(this.directory, { recursive: true, force: true });
    if (left.length > 0) failures.push(new Error(`left behind: ${left.join(', ')}`));
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
  }

  async tell(number: number, command: NodeCommand): Promise<NodeAnswer> {
    const node = this.nodes.get(number);
    if (node === undefined) throw new Error(`no node ${number}`);
    node.child.stdin.write(`${JSON.stringify(command)}\n`);
    const next = (await node.lines.next()) as IteratorResult<string, undefined>;
    if (next.done === true) throw new Error(`node ${number} ended`);
    return JSON.parse(next.value) as NodeAnswer;
  }

  /** Resolves when it listens. */
  async serve(node: number, sandbox: string, name: string): Promise<void> {
    const script = support('echo-server.js');
    const path = this.sandboxPath(node, sandbox);
    const child = spawn('nsenter', [`--net=${path}`, process.execPath, script, name, '80']);
    this.servers.push(child);
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', () => reject(new Error(`server ${name} ended`)));
    });
  }

  /** From a node's own namespace (`1`, `2`) or `client`. */
  ask(from: string, ...question: readonly [string, string, number, number]): string[] {
    return this.askAt(`/run/netns/${this.prefix}${from}`, question);
  }

  askIn(
    node: number,
    sandbox: string,
    ...question: readonly [string, string, number, number]
  ): string[] {
    return this.askAt(this.sandboxPath(node, sandbox), question);
  }

  /** Runs a program in a sandbox or overlay namespace; whether it succeeded. */
  runIn(node: number, namespace: string, ...command: readonly string[]): boolean {
    return tryRun('nsenter', [`--net=${this.sandboxPath(node, namespace)}`, ...command]);
  }

  /** Runs a program in a node's own namespace and returns its output. */
  run(name: string, ...command: readonly string[]): string {
    const args = [`--net=/run/netns/${this.prefix}${name}`, ...command];
    return execFileSync('nsenter', args, { encoding: 'utf8' });
  }

  namespacesOf(number: number): string[] {
    const directory = join(this.directory, String(number), 'netns');
    return execFileSync('ls', [directory], { encoding: 'utf8' }).split('\n').filter(Boolean);
  }

  private askAt(path: string, question: readonly (string | number)[]): string[] {
    const args = [`--net=${path}`, process.execPath, support('ask.js'), ...question.map(String)];
    return JSON.parse(execFileSync('nsenter', args, { encoding: 'utf8' })) as string[];
  }

  private sandboxPath(node: number, namespace: string): string {
    return join(this.directory, String(node), 'netns', namespace);
  }

  /** Kills the node's process without a word and starts it again. */
  async crash(number: number): Promise<void> {
    const node = this.nodes.get(number);
    node?.child.kill('SIGKILL');
    if (node !== undefined) await once(node.child, 'exit');
    node?.reader.close();
    this.startNode(number);
  }

  private startNode(number: number): void {
    const directory = join(this.directory, String(number));
    const child = spawn('nsenter', [
      `--net=/run/netns/${this.prefix}${number}`,
      process.execPath,
      support('node-process.js'),
      directory,
    ]);
    child.stderr.pipe(process.stderr);
    const reader = createInterface({ input: child.stdout });
    this.nodes.set(number, { child, reader, lines: reader[Symbol.asyncIterator]() });
  }

  private addNamespace(name: string): void {
    execFileSync('ip', ['netns', 'add', this.prefix + name]);
    this.ip(name, 'link', 'set', 'lo', 'up');
  }

  private ip(name: string, ...args: readonly string[]): void {
    execFileSync('ip', ['-n', this.prefix + name, ...args]);
  }

  private writeSysctl(name: string, key: string, value: string): void {
    this.run(name, 'sysctl', '-qw', `${key}=${value}`);
  }
}

function tryRun(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore', timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

function support(file: string): string {
  return join(import.meta.dirname, file);
}
