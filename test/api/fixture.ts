/** An API over fakes on a socket of its own, and ways to talk to it. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Api, Backend, HttpLimits } from '../../src/api/index.ts';
import { startApi } from '../../src/api/index.ts';
import { SILENT_LOGGER, SYSTEM_CLOCK, SeededRng } from '../../src/base/index.ts';
import type { ContainerSpec } from '../../src/runtime/index.ts';
import { FakeMember } from './fake-member.ts';
import { FakeRuntime } from './fake-runtime.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** The parsed body; `undefined` when it is not JSON. */
  readonly document: unknown;
}

export class Fixture {
  readonly member = new FakeMember();
  readonly runtime = new FakeRuntime();
  readonly backend: Backend;
  path = '';
  private directory = '';
  api: Api | undefined;
  private stop: (() => Promise<void>) | undefined;

  constructor(overrides: Partial<Backend> = {}) {
    this.backend = {
      member: this.member,
      runtime: this.runtime,
      clock: SYSTEM_CLOCK,
      rng: new SeededRng(11),
      addresses: {
        listenAddress: '0.0.0.0:2377',
        advertiseAddress: () => '198.18.0.1',
        parse: (_field, text) => ({ ip: text }),
      },
      facts: () => ({
        hostname: 'node-1',
        version: '0.1.0',
        kernelVersion: '6.1.0',
        machine: 'x86_64',
        operatingSystem: 'Debian GNU/Linux 12 (bookworm)',
        cpus: 2,
        memoryBytes: 4e9,
        dataDirectory: '/var/lib/hawser',
        runtimeName: 'oci',
        gateway: { name: 'hawser_gw', subnet: '172.18.0.0/16', address: '172.18.0.1' },
      }),
      ...overrides,
    };
  }

  /** Starts the API; it stops, and its directory goes, with the test. */
  static async start(
    t: ExecutionContext,
    { limits, ...overrides }: Partial<Backend & { readonly limits: HttpLimits }> = {},
  ): Promise<Fixture> {
    const fixture = new Fixture(overrides);
    fixture.directory = await mkdtemp(join(tmpdir(), 'hawser-api-'));
    fixture.path = join(fixture.directory, 'hawser.sock');
    const api = await startApi({
      path: fixture.path,
      backend: fixture.backend,
      logger: SILENT_LOGGER,
      ...(limits ? { limits } : {}),
    });
    fixture.api = api;
    fixture.stop = () => api.close();
    t.teardown(() => fixture.close());
    return fixture;
  }

  /** As `start`, in a cluster of three nodes of which this one is the manager. */
  static async startManager(t: ExecutionContext): Promise<Fixture> {
    const fixture = await Fixture.start(t);
    await fixture.ask('POST', '/swarm/init', { AdvertiseAddr: '198.18.0.1' });
    fixture.member.addWorker(2);
    fixture.member.addWorker(3);
    return fixture;
  }

  async close(): Promise<void> {
    await this.stop?.();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** One request; `body` is sent as JSON unless it is a string or bytes. */
  ask(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.send({ method, path, body });
  }

  /** As `ask`, with headers. */
  send(options: {
    readonly method: string;
    readonly path: string;
    readonly body?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
  }): Promise<Answer> {
    const { method, path, body, headers = {} } = options;
    return new Promise((resolve, reject) => {
      const isRaw = typeof body === 'string' || Buffer.isBuffer(body);
      const payload = isRaw ? body : body === undefined ? undefined : JSON.stringify(body);
      const call = request(
        {
          socketPath: this.path,
          method,
          path,
          headers: {
            ...(payload === undefined || isRaw ? {} : { 'content-type': 'application/json' }),
            ...headers,
          },
        },
        (response) => void collect(response).then(resolve, reject),
      );
      call.on('error', reject);
      call.end(payload);
    });
  }

  /** The docker CLI against this API. */
  docker(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    return new Promise((resolve) => {
      execFile(
        'docker',
        args,
        {
          env: {
            ...process.env,
            DOCKER_HOST: `unix://${this.path}`,
            DOCKER_CONFIG: this.directory,
          },
          timeout: 30_000,
        },
        (error, stdout, stderr) => {
          const code = typeof error?.code === 'number' ? error.code : error ? 1 : 0;
          resolve({ code, stdout, stderr });
        },
      );
    });
  }

  /** The same with something on its standard input. */
  dockerWithInput(
    input: string | Buffer,
    ...args: string[]
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn('docker', args, {
        env: { ...process.env, DOCKER_HOST: `unix://${this.path}`, DOCKER_CONFIG: this.directory },
        timeout: 30_000,
      });
      const output = { stdout: '', stderr: '' };
      child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? 1, ...output }));
      child.stdin.end(input);
    });
  }
}

async function collect(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    document: tryParse(text),
  };
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Why suites with the docker CLI cannot run here; `undefined` when they can. */
export function dockerMissing(): string | undefined {
  const probe = spawnSync('docker', ['--version'], { encoding: 'utf8' });
  return probe.status === 0 ? undefined : 'no docker CLI on this machine';
}

/** A spec of a container that runs the task `taskId`. */
export function containerSpec(id: string, labels: Record<string, string> = {}): ContainerSpec {
  return {
    id,
    name: `whoami.1.${id.slice(0, 25)}`,
    image: 'busybox:latest',
    command: ['sh', '-c', 'sleep 1000'],
    env: ['A=1'],
    hasTty: false,
    isReadOnly: false,
    mounts: [],
    networkNamespacePath: '/run/hawser/netns/t-1',
    hostname: id.slice(0, 12),
    hostsFile: '',
    resolvConf: '',
    stopGraceMs: 10_000,
    capabilityAdd: [],
    capabilityDrop: [],
    sysctls: {},
    ulimits: [],
    labels,
  };
}
