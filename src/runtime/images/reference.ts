/**
 * Image references as Docker reads and prints them. Source: distribution/reference (grammar in its
 * package comment).
 */
import { invalid } from '../errors.ts';

export interface ImageReference {
  /** As Docker prints it: without `docker.io/` and `library/`. */
  readonly name: string;
  readonly tag?: string;
  /** `sha256:…`. */
  readonly digest?: string;
}

const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const IPV6 = '\\[[a-fA-F0-9:]+\\]';
const DOMAIN = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|${IPV6})(?::[0-9]+)?$`);
const TAG = /^[\w][\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const NAME_LENGTH_MAX = 255;

/**
 * Throws `invalid`. A bare 64-digit hexadecimal name is refused, because it would be read as an id.
 */
export function parseReference(text: string): ImageReference {
  const fail = () =>
    invalid('reference', text, `invalid reference format: ${JSON.stringify(text)}`);
  const [beforeDigest = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) throw fail();
  const colon = beforeDigest.lastIndexOf(':');
  const hasTag = colon > beforeDigest.lastIndexOf('/');
  const tag = hasTag ? beforeDigest.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) throw fail();
  const name = familiarName(hasTag ? beforeDigest.slice(0, colon) : beforeDigest);
  if (name === undefined || /^[0-9a-f]{64}$/.test(name)) throw fail();
  return {
    name,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** `name:tag`, with `latest` where neither tag nor digest is given. */
export function formatTagged(reference: ImageReference): string {
  return `${reference.name}:${reference.tag ?? 'latest'}`;
}

function familiarName(name: string): string | undefined {
  const { domain, path } = splitDomain(name);
  const components = path.split('/');
  if (name.length > NAME_LENGTH_MAX || !components.every((part) => COMPONENT.test(part))) {
    return undefined;
  }
  if (domain === undefined || isDockerHub(domain)) {
    return components[0] === 'library' && components.length === 2 ? components[1] : path;
  }
  return DOMAIN.test(domain) ? `${domain}/${path}` : undefined;
}

/**
 * The first component is a registry when it looks like a host: a dot, a port, `localhost`, or upper
 * case.
 */
function splitDomain(name: string): { readonly domain?: string; readonly path: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const isHost = /[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first;
  return isHost ? { domain: first, path: name.slice(slash + 1) } : { path: name };
}

function isDockerHub(domain: string): boolean {
  return domain === 'docker.io' || domain === 'index.docker.io';
}
