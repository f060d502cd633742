/** From `service create` to the first answer on every node's port, the image being there. */
import { setTimeout as delay } from 'node:timers/promises';
import { limitRow, median, type Row } from './table.ts';
import { onNode, withLab, runIn } from './tools.ts';

const ROUNDS = 5;
const GOAL_MS = 2000;
const PORT = 8100;

export async function serviceRows(): Promise<Row[]> {
  return withLab(async () => {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const port = PORT + round;
      const name = `answer${round}`;
      const started = performance.now();
      await onNode(
        1,
        'service',
        'create',
        '--detach',
        '--name',
        name,
        '--replicas',
        '3',
        '-p',
        `${port}:80`,
        'bench:latest',
        'httpd',
        '-f',
        '-p',
        '80',
        '-h',
        '/bin',
      );
      for (const node of [1, 2, 3]) await answers(node, port);
      times.push(performance.now() - started);
      await onNode(1, 'service', 'rm', name);
    }
    return [
      limitRow('service create to an answer on every node', median(times), {
        max: GOAL_MS,
        unit: 'ms',
      }),
    ];
  });
}

async function answers(node: number, port: number): Promise<void> {
  const limit = performance.now() + 30_000;
  for (;;) {
    const url = `http://198.18.0.${node}:${port}/`;
    const text = await runIn(
      '/run/netns/hawser-lab-client',
      'curl',
      '-s',
      '-o',
      '/dev/null',
      '-m',
      '1',
      '-w',
      '%{http_code}',
      url,
    ).catch(() => '');
    if (/^[2-4]/.test(text)) return;
    if (performance.now() > limit) throw new Error(`no answer from ${url}`);
    await delay(10);
  }
}
