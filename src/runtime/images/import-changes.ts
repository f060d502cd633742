/**
 * `docker import --change`: Dockerfile instructions applied to an image's config.
 *
 * Allowed are those that Docker allows: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL STOPSIGNAL USER
 * VOLUME WORKDIR. Source: Dockerfile reference; ONBUILD is refused, as there is no build.
 */
import path from 'node:path';
import { invalid } from '../errors.ts';
import type { ImageConfigSection } from './image-document.ts';

type MutableConfig = { -readonly [Key in keyof ImageConfigSection]: ImageConfigSection[Key] };
type Instruction = (config: MutableConfig, rest: string) => void;

const CHANGES_MAX = 100;
const CHANGE_LENGTH_MAX = 64 << 10;

const INSTRUCTIONS: Readonly<Record<string, Instruction>> = {
  CMD: (config, rest) => void (config.Cmd = commandOf(rest)),
  ENTRYPOINT: (config, rest) => void (config.Entrypoint = commandOf(rest)),
  ENV: applyEnv,
  EXPOSE: applyExpose,
  HEALTHCHECK: applyHealthcheck,
  LABEL: (config, rest) =>
    void (config.Labels = { ...config.Labels, ...Object.fromEntries(pairsOf('LABEL', rest)) }),
  STOPSIGNAL: (config, rest) => void (config.StopSignal = one('STOPSIGNAL', rest)),
  USER: (config, rest) => void (config.User = one('USER', rest)),
  VOLUME: applyVolume,
  WORKDIR: (config, rest) =>
    void (config.WorkingDir = path.posix.resolve(
      '/',
      config.WorkingDir ?? '',
      one('WORKDIR', rest),
    )),
};

/** The config after all changes, in order. Throws `invalid` naming the instruction. */
export function applyChanges(changes: readonly string[]): ImageConfigSection {
  if (changes.length > CHANGES_MAX)
    throw invalid('changes', '', `more than ${CHANGES_MAX} changes`);
  const config: MutableConfig = {};
  for (const change of changes) applyChange(config, change);
  return config;
}

function applyChange(config: MutableConfig, change: string): void {
  const text = change.trim().replace(/\\\n/g, ' ');
  const match = /^([A-Za-z]+)(?:\s+([^]*))?$/.exec(text);
  const word = (match?.[1] ?? '').toUpperCase();
  const instruction = Object.hasOwn(INSTRUCTIONS, word) ? INSTRUCTIONS[word] : undefined;
  if (instruction === undefined || change.length > CHANGE_LENGTH_MAX) {
    throw invalid(
      'changes',
      change,
      `${word === '' ? change : word} is not a valid change command`,
    );
  }
  const rest = (match?.[2] ?? '').trim();
  if (rest === '') throw invalid('changes', change, `${word} requires at least one argument`);
  instruction(config, rest);
}

/** JSON form `["a", "b"]`, or shell form, which runs through `/bin/sh -c`. */
function commandOf(rest: string): readonly string[] {
  return tryStringArray(rest) ?? ['/bin/sh', '-c', rest];
}

function tryStringArray(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const isStrings = Array.isArray(value) && value.every((item) => typeof item === 'string');
    return isStrings ? value : undefined;
  } catch {
    return undefined;
  }
}

function applyEnv(config: MutableConfig, rest: string): void {
  const env = new Map((config.Env ?? []).map((entry) => [entry.split('=', 1)[0] ?? '', entry]));
  for (const [key, value] of pairsOf('ENV', rest)) env.set(key, `${key}=${value}`);
  config.Env = [...env.values()];
}

function applyExpose(config: MutableConfig, rest: string): void {
  const ports: Record<string, unknown> = { ...config.ExposedPorts };
  for (const word of wordsOf('EXPOSE', rest)) {
    for (const port of exposedPorts(word)) ports[port] = {};
  }
  config.ExposedPorts = ports;
}

function exposedPorts(word: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match === null || first < 1 || last > 65535 || last < first) {
    throw invalid('changes', word, `invalid containerPort: ${word}`);
  }
  const protocol = (match[3] ?? 'tcp').toLowerCase();
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
}

function applyVolume(config: MutableConfig, rest: string): void {
  const volumes: Record<string, unknown> = { ...config.Volumes };
  for (const target of tryStringArray(rest) ?? wordsOf('VOLUME', rest)) {
    if (target === '')
      throw invalid('changes', rest, 'VOLUME specified can not be an empty string');
    volumes[path.posix.resolve('/', target)] = {};
  }
  config.Volumes = volumes;
}

const HEALTH_OPTIONS: Readonly<Record<string, string>> = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
  retries: 'Retries',
};

function applyHealthcheck(config: MutableConfig, rest: string): void {
  const health: Record<string, unknown> = {};
  let text = rest;
  for (let option = takeOption(text); option; option = takeOption(text)) {
    const field = HEALTH_OPTIONS[option.name];
    if (field === undefined) throw invalid('changes', text, `unknown flag: --${option.name}`);
    health[field] = field === 'Retries' ? Number(option.value) : nanosecondsOf(option.value);
    text = option.rest;
  }
  const [, kind = '', command = ''] = /^(NONE|CMD)\s*([^]*)$/i.exec(text) ?? [];
  if (kind.toUpperCase() === 'NONE') health['Test'] = ['NONE'];
  else if (command === '') throw invalid('changes', rest, 'HEALTHCHECK needs NONE or CMD command');
  else {
    const words = tryStringArray(command);
    health['Test'] = words === undefined ? ['CMD-SHELL', command] : ['CMD', ...words];
  }
  config.Healthcheck = health;
}

function takeOption(text: string): { name: string; value: string; rest: string } | undefined {
  const match = /^--([a-z-]+)=(\S+)\s+([^]*)$/.exec(text);
  if (match === null) return undefined;
  return { name: match[1] ?? '', value: match[2] ?? '', rest: match[3] ?? '' };
}

const UNIT_NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12,
};

/** Go's durations: `1m30s`. */
function nanosecondsOf(text: string): number {
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+$/.test(text)) {
    throw invalid('changes', text, `invalid duration: ${text}`);
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)) {
    total += Number(amount) * (UNIT_NANOSECONDS[unit ?? ''] ?? 0);
  }
  return Math.round(total);
}

/** `k=v k2="v 2"`, or the old form `k the whole rest`. */
function pairsOf(word: string, rest: string): [string, string][] {
  const words = wordsOf(word, rest);
  if (!(words[0] ?? '').includes('=')) {
    const [, key = '', value = ''] = /^(\S+)\s+([^]*)$/.exec(rest) ?? [];
    if (key === '') throw invalid('changes', rest, `${word} must have two arguments`);
    return [[key, value]];
  }
  return words.map((pair) => {
    const equals = pair.indexOf('=');
    if (equals < 1) throw invalid('changes', pair, `Syntax error - can't find = in "${pair}"`);
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  });
}

function one(word: string, rest: string): string {
  const words = wordsOf(word, rest);
  if (words.length !== 1) throw invalid('changes', rest, `${word} requires exactly one argument`);
  return words[0] ?? '';
}

/** Splits at blanks; quotes and backslashes keep blanks, as in a shell. */
function wordsOf(word: string, rest: string): string[] {
  const words: string[] = [];
  const pattern = /(?:"(?:[^"\\]|\\[^])*"|'[^']*'|\\[^]|[^\s"'\\])+|(["'\\])/g;
  for (const [text, stray] of rest.matchAll(pattern)) {
    if (stray !== undefined) throw invalid('changes', rest, `${word}: unexpected end of statement`);
    words.push(unquote(text));
  }
  return words;
}

function unquote(text: string): string {
  const pattern = /"((?:[^"\\]|\\[^])*)"|'[^']*'|\\[^]/g;
  return text.replace(pattern, (piece, double?: string) => {
    if (double !== undefined) return double.replace(/\\(["\\$\n])/g, '$1');
    return piece.startsWith("'") ? piece.slice(1, -1) : piece.slice(1);
  });
}
