import { pino } from 'pino';
import type { Logger } from '../../base/index.ts';
import type { AgentConfig } from '../config.ts';

/**
 * Lines of JSON on stdout, which journald and lab logs keep; `pretty` is for a person at a
 * terminal.
 */
export function createLogger(config: Pick<AgentConfig, 'logLevel' | 'logFormat'>): Logger {
  const destination = pino.destination({ fd: 1, sync: true });
  if (config.logFormat === 'json') {
    return pino(
      { level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime },
      destination,
    );
  }
  return pino(
    { level: config.logLevel, base: null },
    { write: (line: string) => writePretty(line) },
  );
}

/** `12:00:00.000 info  message key=value …` */
function writePretty(line: string): void {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = new Date(time as number).toISOString().slice(11, 23);
  const name = pino.levels.labels[level as number] ?? String(level);
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  process.stdout.write(`${clock} ${name.padEnd(5)} ${String(msg)} ${rest.join(' ')}\n`);
}
