/** Where an agent listens, in the notation of `docker -H`. */
import { ApiError } from './errors.ts';

export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

const TCP = /^tcp:\/\/(?:\[(?<v6>[0-9a-fA-F:]+)\]|(?<host>[^:/[\]]+)):(?<port>\d{1,5})\/?$/;

/** Parses `unix:///path`, a bare absolute path, or `tcp://host:port`. */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith('unix:///')) return { kind: 'unix', path: text.slice('unix://'.length) };
  if (text.startsWith('/')) return { kind: 'unix', path: text };
  const groups = TCP.exec(text)?.groups;
  const port = Number(groups?.['port']);
  const host = groups?.['v6'] ?? groups?.['host'];
  if (host !== undefined && port > 0 && port < 65_536) return { kind: 'tcp', host, port };
  throw new ApiError(
    { code: 'endpoint-invalid', endpoint: text },
    `"${text}" is not an address of an agent: write unix:///path or tcp://host:port`,
  );
}

export function endpointText(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return `unix://${endpoint.path}`;
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `tcp://${host}:${endpoint.port}`;
}
