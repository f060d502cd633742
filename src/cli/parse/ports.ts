/** `--publish` in both of docker's notations. */
import type { PortConfig, Protocol } from '../../model/index.ts';
import { usageError } from '../errors.ts';
import { parseFields, parseOneOf } from './words.ts';

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp'];
const MODES = ['ingress', 'host'] as const;
const SHORT = /^(?:(?<published>\d+(?:-\d+)?):)?(?<target>\d+(?:-\d+)?)(?:\/(?<protocol>[a-z]+))?$/;

/** `8000:80`, `80`, `8000-8002:80-82/udp`, or `published=8000,target=80,protocol=tcp,mode=host`. */
export function parsePublish(text: string): PortConfig[] {
  return text.includes('=') ? [parseLong(text)] : parseShort(text);
}

function parseLong(text: string): PortConfig {
  const fields = parseFields('--publish', text);
  for (const key of fields.keys()) {
    if (!['published', 'target', 'protocol', 'mode', 'name'].includes(key)) {
      throw usageError('--publish', `it has no field "${key}"`);
    }
  }
  const target = fields.get('target');
  if (target === undefined) throw usageError('--publish', `"${text}" names no target port`);
  const published = fields.get('published');
  return {
    Protocol: parseOneOf('--publish protocol', fields.get('protocol') ?? 'tcp', PROTOCOLS),
    TargetPort: parsePort(target),
    ...(published === undefined ? {} : { PublishedPort: parsePort(published) }),
    PublishMode: parseOneOf('--publish mode', fields.get('mode') ?? 'ingress', MODES),
  };
}

function parseShort(text: string): PortConfig[] {
  const groups = SHORT.exec(text)?.groups;
  if (groups === undefined) {
    throw usageError('--publish', `"${text}" is not a port: write published:target, as 8080:80`);
  }
  const Protocol = parseOneOf('--publish', groups['protocol'] ?? 'tcp', PROTOCOLS);
  const targets = parseRange(groups['target'] ?? '');
  const publishedText = groups['published'];
  const published = publishedText === undefined ? undefined : parseRange(publishedText);
  if (published !== undefined && published.length !== targets.length) {
    throw usageError('--publish', `"${text}" has ranges of different lengths`);
  }
  return targets.map((TargetPort, at) => {
    const PublishedPort = published?.[at];
    return {
      Protocol,
      TargetPort,
      ...(PublishedPort === undefined ? {} : { PublishedPort }),
      PublishMode: 'ingress',
    };
  });
}

function parseRange(text: string): number[] {
  const [first = '', last = first] = text.split('-');
  const [from, to] = [parsePort(first), parsePort(last)];
  if (to < from) throw usageError('--publish', `the range "${text}" runs backwards`);
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw usageError('--publish', `"${text}" is not a port from 1 to 65535`);
}
