/**
 * `hawser agent`: its flags, its config file, and the defaults of both.
 *
 * A setting is taken from the flag, else from the file, else from here. The file is YAML with the
 * flags' names without the dashes in front (`data-dir: /srv/hawser`); a key it does not know is an
 * error, because a misspelt setting would otherwise be a silent default.
 */
import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import { parse } from 'yaml';
import { messageOf } from '../base/index.ts';
import type { AgentConfig } from '../agent/index.ts';
import { CliError, usageError } from './errors.ts';
import { parseOneOf } from './parse/words.ts';

interface Setting {
  /** Flag and key without dashes in front. */
  readonly name: string;
  readonly argument: string;
  readonly help: string;
  readonly fallback?: string;
  readonly words?: readonly string[];
}

const SETTINGS: readonly Setting[] = [
  {
    name: 'data-dir',
    argument: '<dir>',
    help: 'what survives a reboot: identity, log, images, volumes',
    fallback: '/var/lib/hawser',
  },
  {
    name: 'run-dir',
    argument: '<dir>',
    help: 'what goes with a reboot: socket, namespaces',
    fallback: '/run/hawser',
  },
  {
    name: 'api',
    argument: '<endpoint>',
    help: 'where the Docker API is served',
    fallback: 'unix:///run/hawser/hawser.sock',
  },
  {
    name: 'listen-addr',
    argument: '<ip:port>',
    help: 'where other nodes reach this one',
    fallback: '0.0.0.0:2377',
  },
  {
    name: 'advertise-addr',
    argument: '<ip|iface[:port]>',
    help: 'address told to other nodes; default: that of `swarm init` or `join`',
  },
  {
    name: 'data-path-addr',
    argument: '<ip|iface>',
    help: 'address of the VXLAN data path; default: the advertised one',
  },
  { name: 'gossip-port', argument: '<port>', help: 'TCP and UDP port of gossip', fallback: '7946' },
  {
    name: 'metrics-addr',
    argument: '<ip:port>',
    help: 'where /metrics is served; "" for nowhere',
    fallback: '127.0.0.1:9323',
  },
  {
    name: 'runtime',
    argument: '<runtime>',
    help: 'what runs tasks',
    fallback: 'auto',
    words: ['auto', 'oci', 'docker', 'none'],
  },
  {
    name: 'lb',
    argument: '<driver>',
    help: 'what translates virtual IPs',
    fallback: 'auto',
    words: ['auto', 'nftables', 'ipvs', 'ebpf'],
  },
  {
    name: 'firewall',
    argument: '<driver>',
    help: 'how rules are written',
    fallback: 'auto',
    words: ['auto', 'nftables', 'iptables'],
  },
  {
    name: 'overlay',
    argument: '<driver>',
    help: 'what carries overlay networks',
    fallback: 'auto',
    words: ['auto', 'vxlan', 'userspace'],
  },
  {
    name: 'log-level',
    argument: '<level>',
    help: 'least severe level that is logged',
    fallback: 'info',
    words: ['trace', 'debug', 'info', 'warn', 'error'],
  },
  {
    name: 'log-format',
    argument: '<format>',
    help: 'how a line of the log looks',
    fallback: 'json',
    words: ['json', 'pretty'],
  },
  {
    name: 'image-dir',
    argument: '<dir>',
    help: 'images; agents of one machine may share it; default: images in the data directory',
  },
  {
    name: 'gateway-prefix',
    argument: '<cidr>',
    help: 'prefix of the bridge hawser_gw; default: the first local pool without a route',
  },
  {
    name: 'resolv-conf',
    argument: '<file>',
    help: "the host's resolver configuration, whose servers get names of the outside",
    fallback: '/etc/resolv.conf',
  },
];

/** The flags as options of the command; defaults are applied by `agentConfig`, after the file. */
export function agentOptions(): Option[] {
  return SETTINGS.map(({ name, argument, help, fallback, words }) => {
    const choice = words === undefined ? '' : `: ${words.join(', ')}`;
    const byDefault = fallback === undefined ? '' : ` (default ${fallback})`;
    return new Option(`--${name} ${argument}`, `${help}${choice}${byDefault}`);
  });
}

/** Flags as commander names them: `dataDir`. */
export type AgentFlags = Readonly<Record<string, string | boolean | undefined>>;

const flagName = (name: string): string =>
  name.replaceAll(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase());

/** Merges flags, file and defaults, and checks every value that is one of a few words. */
export function agentConfig(flags: AgentFlags): AgentConfig {
  const file = typeof flags['config'] === 'string' ? readConfigFile(flags['config']) : {};
  const value = (name: string): string | undefined => {
    const flag = flags[flagName(name)];
    const setting = SETTINGS.find((known) => known.name === name);
    const text = typeof flag === 'string' ? flag : (file[name] ?? setting?.fallback);
    if (text !== undefined && setting?.words !== undefined) {
      parseOneOf(`--${name}`, text, setting.words);
    }
    return text;
  };
  return buildConfig(value);
}

function buildConfig(value: (name: string) => string | undefined): AgentConfig {
  const text = (name: string): string => value(name) ?? '';
  const optional = <Key extends string>(
    key: Key,
    name: string,
  ): Partial<Readonly<Record<Key, string>>> => {
    const found = value(name);
    return (found === undefined ? {} : { [key]: found }) as Partial<Record<Key, string>>;
  };
  return {
    dataDirectory: text('data-dir'),
    runDirectory: text('run-dir'),
    api: text('api'),
    listenAddress: text('listen-addr'),
    ...optional('advertiseAddress', 'advertise-addr'),
    ...optional('dataPathAddress', 'data-path-addr'),
    gossipPort: parsePort('--gossip-port', text('gossip-port')),
    metricsAddress: text('metrics-addr'),
    // `agentConfig` checked these words against the same lists.
    runtime: text('runtime') as AgentConfig['runtime'],
    lb: text('lb') as AgentConfig['lb'],
    firewall: text('firewall') as AgentConfig['firewall'],
    overlay: text('overlay') as AgentConfig['overlay'],
    logLevel: text('log-level') as AgentConfig['logLevel'],
    logFormat: text('log-format') as AgentConfig['logFormat'],
    ...optional('imageDirectory', 'image-dir'),
    ...optional('gatewayPrefix', 'gateway-prefix'),
    resolvConf: text('resolv-conf'),
  };
}

function parsePort(flag: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw usageError(flag, `"${text}" is not a port from 1 to 65535`);
}

function readConfigFile(path: string): Readonly<Record<string, string>> {
  const document = parseFile(path);
  if (document === null) return {};
  if (typeof document !== 'object' || Array.isArray(document)) {
    throw usageError('--config', `${path} holds no settings: write lines such as "data-dir: /srv"`);
  }
  return Object.fromEntries(
    Object.entries(document).map(([key, value]) => [key, settingText(path, key, value)]),
  );
}

function settingText(path: string, key: string, value: unknown): string {
  if (!SETTINGS.some(({ name }) => name === key)) {
    throw usageError(
      '--config',
      `${path} has an unknown setting "${key}"; see hawser agent --help`,
    );
  }
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw usageError('--config', `${path}: the setting "${key}" must be text or a number`);
}

function parseFile(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const why = messageOf(error).split('\n')[0] ?? '';
    throw new CliError({ code: 'failed' }, `cannot read the config file ${path}: ${why}`);
  }
}
