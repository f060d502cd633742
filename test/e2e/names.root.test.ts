/** Names go on while the agent is away: their engine outlives it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { labStart, labStop } from '../../src/lab/index.ts';
import type { DnsLoadReport } from './dns-load.ts';
import {
  eventually,
  IMAGE,
  QUICK,
  inTask,
  labDown,
  labNode,
  run,
  startLab,
  tasksOf,
  verb,
  whenRunning,
} from './lab-fixture.ts';

const RESTARTS = 10;
const RATE = 200;
const LOAD = join(import.meta.dirname, 'dns-load.js');
/** Three of four are answered here; the last one is nobody's, and has to wait for an agent. */
const NAMES = ['whoami', 'tasks.whoami', 'whoami.demo', 'nobody.invalid'];

test.before(() => startLab(1));
test.after.always(() => labDown());

async function clientPid(): Promise<string> {
  const [task] = await tasksOf('client');
  return String(task?.Status.ContainerStatus?.PID ?? 0);
}

/** Asks from the client's namespace while `action` runs. */
async function loaded(t: ExecutionContext, action: () => Promise<void>): Promise<DnsLoadReport> {
  const words = ['-t', await clientPid(), '-n', '--', process.execPath, LOAD, String(RATE)];
  const child = spawn('nsenter', [...words, ...NAMES], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await action();
  child.stdin.end();
  await once(child, 'close');
  return JSON.parse(said) as DnsLoadReport;
}

async function enginePid(): Promise<number> {
  const { stdout } = await run(['pgrep', '-f', `hawser-dns --socket ${labNode(1).runDirectory}/`]);
  return Number(stdout.trim());
}

async function whenClientAsks(t: ExecutionContext): Promise<string> {
  return eventually(t, 'the name to be known', {
    look: () => inTask(t, 'client', 'nslookup', '-type=a', 'whoami'),
    holds: (text) => /Name:\s+whoami/.test(text),
  });
}

test.serial('a client has a service to ask for', async (t) => {
  await verb(t, 1, 'network', 'create', '-d', 'overlay', 'demo');
  const common = ['service', 'create', ...QUICK, '-d', '--network', 'demo'];
  await verb(t, 1, ...common, '--name', 'whoami', '--replicas', '2', IMAGE);
  await verb(t, 1, ...common, '--name', 'client', IMAGE, 'sleep', '86400');
  await whenRunning(t, 'whoami', 2);
  await whenRunning(t, 'client', 1);
  await whenClientAsks(t);
});

test.serial(
  'no query is left without an answer while the agent is killed and started',
  async (t) => {
    const engine = await enginePid();
    const report = await loaded(t, async () => {
      for (let round = 0; round < RESTARTS; round += 1) {
        await labStop('1', 'SIGKILL');
        await labStart('1');
      }
    });
    t.log(report);
    t.true(report.asked > RATE, `${report.asked} queries`);
    t.deepEqual(report.unanswered, []);
    t.true((report.rcodes['0'] ?? 0) >= (report.asked * 3) / 4 - 1, 'local names are all answered');
    t.is(await enginePid(), engine, 'the engine is the same');
  },
);

test.serial('an engine that is killed is started again on the same ports', async (t) => {
  const engine = await enginePid();
  process.kill(engine, 'SIGKILL');
  await eventually(t, 'another engine', {
    look: enginePid,
    holds: (pid) => pid > 0 && pid !== engine,
  });
  await whenClientAsks(t);
  const log = readFileSync(labNode(1).logPath, 'utf8');
  t.true(log.includes('the DNS engine is gone'));
});
