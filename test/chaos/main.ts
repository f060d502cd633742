/** `make chaos`: SEED=n gives one run; MINUTES and LIMIT_MS say how long and how strict. */
import { chaos } from './chaos.ts';

const number = (name: string, fallback: number): number => Number(process.env[name] ?? fallback);

const result = await chaos({
  seed: number('SEED', 1),
  durationMs: number('MINUTES', 30) * 60_000,
  limitMs: number('LIMIT_MS', 1000),
  say: (line) => process.stdout.write(`${line}\n`),
});
process.stdout.write(`${result.rounds} rounds, ${result.failures.length} failures\n`);
process.exitCode = result.failures.length === 0 ? 0 : 1;
