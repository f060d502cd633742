import { isIP, isIPv4 } from 'node:net';
import { ClusterError } from '../errors.ts';

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

export const DEFAULT_PORT = 2377;

const BRACKETED = /^\[([^\]]+)\](?::(\d+))?$/;
const NAMED = /^([^:[\]/?#@\s]+)(?::(\d+))?$/;

/** Parses `host[:port]`, `[v6][:port]` or a bare IPv6 address. Throws `ClusterError`. */
export function parseHostPort(text: string, defaultPort: number): HostPort {
  if (isIP(text) !== 0) return { host: text, port: defaultPort };
  const bracketed = BRACKETED.exec(text);
  const [, host, portText] = bracketed ?? NAMED.exec(text) ?? [];
  const port = portText === undefined ? defaultPort : Number(portText);
  const isGood = host !== undefined && host.length <= 253 && port <= 65_535;
  if (!isGood || (bracketed !== null && isIP(host) !== 6)) throw invalid(text);
  return { host, port };
}

/** As `parseHostPort`, but the host must be an IP address. */
export function parseIpPort(text: string, defaultPort: number): HostPort {
  const parsed = parseHostPort(text, defaultPort);
  if (isIP(parsed.host) === 0) throw invalid(text);
  return parsed;
}

/** A VXLAN endpoint. Throws `ClusterError` unless it is an IPv4 address. */
export function parseDataPathAddress(text: string): string {
  if (isIPv4(text)) return text;
  throw new ClusterError(
    { code: 'invalid-address', address: text },
    `invalid data path address "${text}": it must be an IPv4 address of this node`,
  );
}

export function formatHostPort({ host, port }: HostPort): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * An address as the kernel reports it, without the form that IPv4 takes on a socket of both
 * families.
 */
export function plainAddress(address: string): string {
  const mapped = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return isIPv4(mapped) ? mapped : address;
}

function invalid(address: string): ClusterError {
  return new ClusterError(
    { code: 'invalid-address', address },
    `invalid address "${address}": it must be IP[:PORT], with the port from 1 to 65535`,
  );
}
