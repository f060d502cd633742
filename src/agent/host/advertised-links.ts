import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const SETTINGS = '/proc/sys/net/ipv6/conf';
/** Takes routers' advertisements unless the host is a router itself. */
const WHILE_HOST = '1';

/**
 * Names of this host's links that take routers' advertisements, without those that Hawser or the
 * kernel makes; none where there is no IPv6.
 */
export function advertisedLinks(): readonly string[] {
  let names: string[];
  try {
    names = readdirSync(SETTINGS);
  } catch {
    return [];
  }
  const isOwn = (name: string): boolean => /^(all|default|lo|hawser.*)$/.test(name);
  return names.filter((name) => !isOwn(name) && acceptRa(name) === WHILE_HOST);
}

/** `undefined` for a link that went meanwhile. */
function acceptRa(name: string): string | undefined {
  try {
    return readFileSync(join(SETTINGS, name, 'accept_ra'), 'utf8').trim();
  } catch {
    return undefined;
  }
}
