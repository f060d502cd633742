/** Turns `IP|IFACE[:PORT]` into an address of this host. */
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { AgentError } from '../errors.ts';

export interface HostAddress {
  readonly ip: string;
  readonly port?: number;
}

/** Throws `AgentError` `invalid` when it is neither an address nor an interface that has one. */
export function parseHostAddress(option: string, text: string): HostAddress {
  const { host, port } = splitPort(text);
  const ip = isIP(host) ? host : addressOfInterface(host);
  if (ip === undefined || (port !== undefined && !(port >= 1 && port <= 65535))) {
    throw new AgentError(
      { code: 'invalid', option, value: text },
      `${option} ${text}: not an address and not an interface with an IPv4 address; give IP or ` +
        `IFACE, with :PORT if it differs`,
    );
  }
  return { ip, ...(port === undefined ? {} : { port }) };
}

/**
 * The one IPv4 address of this host that is not on loopback; `undefined` when there are none or
 * several.
 */
export function onlyHostAddress(): string | undefined {
  const names = Object.keys(networkInterfaces()).filter((name) => !name.startsWith('hawser'));
  const addresses = names.flatMap((name) => addressOfInterface(name) ?? []);
  return addresses.length === 1 ? addresses[0] : undefined;
}

function addressOfInterface(name: string): string | undefined {
  const found = networkInterfaces()[name]?.find(
    (entry) => entry.family === 'IPv4' && !entry.internal,
  );
  return found?.address;
}

function splitPort(text: string): { host: string; port?: number } {
  const bracketed = /^\[([^\]]+)\](?::([0-9]+))?$/.exec(text);
  const match = bracketed ?? (isIP(text) === 6 ? null : /^([^:]+):([0-9]+)$/.exec(text));
  if (!match) return { host: text };
  return { host: match[1] as string, ...(match[2] ? { port: Number(match[2]) } : {}) };
}
