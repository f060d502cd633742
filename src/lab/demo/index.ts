/**
 * demo: `make demo`. Three nodes on this machine, one published service, and everything a newcomer
 * would try with it, each claim checked. Exit status 0 only if all of it held.
 *
 * KEEP=1 leaves the lab up and says how to look around. Start with `main`; the story is in
 * `scenes.ts`.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, packageRoot } from '../../base/index.ts';
import { hawserProgram } from '../cluster/agents.ts';
import { labNodes } from '../layout.ts';
import { labDown, labUp } from '../lab.ts';
import { readLab, requireRoot } from '../lab-state.ts';
import { Engine } from './engine.ts';
import { buildDemoImage } from './image.ts';
import * as scenes from './scenes.ts';
import { Story } from './story.ts';

const write = (text: string): void => {
  process.stdout.write(text);
};

async function main(): Promise<number> {
  try {
    requireRoot();
  } catch (error) {
    process.stderr.write(`make demo: ${messageOf(error)}\n`);
    return 1;
  }
  if (readLab() !== undefined) {
    process.stderr.write('make demo: a lab is up already: remove it with `bin/hawser lab down`\n');
    return 1;
  }
  const keeps = process.env['KEEP'] === '1';
  const stage = { story: new Story(write), engine: new Engine() };
  const status = await tell(stage);
  if (keeps) explainLab(stage.engine);
  else await labDown();
  if (status === 0) write(`\nAll ${stage.story.checks} checks held.\n`);
  return status;
}

async function tell(stage: scenes.Stage): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'hawser-demo-'));
  const { story } = stage;
  try {
    const imagePath = join(directory, 'whoami.tar');
    await buildDemoImage(imagePath);
    story.title('Three nodes, each a network namespace with an agent of its own');
    story.command('hawser lab up --nodes 3');
    await labUp({ nodes: scenes.DEMO_NODES, managers: 1, runtime: 'oci', lb: 'auto' });
    for (const { number, socketPath } of labNodes(scenes.DEMO_NODES)) {
      story.command(`NODE${number}=unix://${socketPath}`);
    }
    story.command(`${stage.engine.name} -H $NODE1 node ls`);
    story.output(await stage.engine.run(1, ['node', 'ls']));
    await scenes.deploy(stage, imagePath);
    const vip = await scenes.names(stage);
    await scenes.virtualIp(stage, vip);
    await scenes.publishedPort(stage, 3);
    await scenes.scaling(stage, vip);
    await scenes.publishedPort(stage, 2);
    await scenes.killedTask(stage);
    await scenes.publishedPort(stage, 2);
    if (process.env['KEEP'] !== '1') await scenes.removeServices(stage);
    return 0;
  } catch (error) {
    process.stderr.write(`\nmake demo: ${messageOf(error)}\n`);
    keepLogs();
    return 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The lab goes, but what its agents said is wanted most when something failed. */
function keepLogs(): void {
  const directory = join(packageRoot(import.meta.dirname), 'build/demo');
  mkdirSync(directory, { recursive: true });
  for (const { number, logPath } of labNodes(scenes.DEMO_NODES)) {
    if (existsSync(logPath)) copyFileSync(logPath, join(directory, `agent-${number}.log`));
  }
  process.stderr.write(`make demo: logs of the agents are in ${directory}\n`);
}

function explainLab(engine: Engine): void {
  const hawser = hawserProgram();
  const socket = (node: number): string => `-H unix:///run/hawser-lab/${node}/hawser.sock`;
  write(`
The lab is up. To look around:
  ${hawser} lab status
  ${engine.name} ${socket(1)} node ls
  ${engine.name} ${socket(1)} service ps whoami
  ${hawser} lab exec 2 -- curl 127.0.0.1:8000
  ${hawser} lab exec client -- curl 198.18.0.3:8000
  tail -f /run/hawser-lab/1/agent.log
  curl http://198.18.0.1:9323/metrics    # in a node: ${hawser} lab exec 1 -- curl …
To remove it:
  ${hawser} lab down
`);
}

process.exitCode = await main();
