/** Signal names as operators write them. */
import { constants } from 'node:os';
import { invalid } from '../errors.ts';

const SIGNAL_MAX = 64;
const RTMIN = 34;

/** `TERM`, `SIGTERM`, `sigterm`, `15`, `RTMIN+3`. Throws `invalid`. */
export function signalNumber(text: string): number {
  const name = text.trim().toUpperCase().replace(/^SIG/, '');
  const number = /^\d{1,2}$/.test(name) ? Number(name) : (namedSignal(name) ?? realTime(name));
  if (number !== undefined && number >= 1 && number <= SIGNAL_MAX) return number;
  throw invalid('signal', text, `Invalid signal: ${text}`);
}

function namedSignal(name: string): number | undefined {
  const signals: Readonly<Record<string, number>> = constants.signals;
  return Object.hasOwn(signals, `SIG${name}`) ? signals[`SIG${name}`] : undefined;
}

function realTime(name: string): number | undefined {
  const match = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (match === null) return undefined;
  const offset = Number(match[3] ?? 0) * (match[2] === '-' ? -1 : 1);
  return (match[1] === 'MIN' ? RTMIN : SIGNAL_MAX) + offset;
}
