import { Address4, Address6 } from 'ip-address';
import { DnsError } from '../errors.ts';

export interface HostsFileOptions {
  /** The container's; with a domain (`web.example.org`) its first label is listed too. */
  readonly hostname: string;
  /** The container's own addresses, in the order of its networks. */
  readonly addresses: readonly string[];
  /** `Hosts` of the container's spec: `address name [alias…]` each. */
  readonly extraHosts?: readonly string[];
}

const FIRST_LINES = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/**
 * A container's whole /etc/hosts: localhost, the spec's entries, its own name. Throws `DnsError`
 * for a bad entry.
 */
export function buildHostsFile(options: HostsFileOptions): string {
  const extra = (options.extraHosts ?? []).flatMap(extraLines);
  const names = namesOf(options.hostname);
  const own = options.addresses.map((address) => `${address}\t${names}`);
  return [...FIRST_LINES, ...extra, ...own].map((line) => `${line}\n`).join('');
}

/** One line for each name, as Docker writes them. */
function extraLines(entry: string): readonly string[] {
  const [address, ...names] = entry.trim().split(/\s+/);
  const isAddress = Address4.isValid(address ?? '') || Address6.isValid(address ?? '');
  if (address === undefined || !isAddress || address.includes('/') || names.length === 0) {
    throw new DnsError(
      { code: 'hosts-entry', entry },
      `hosts entry "${entry}" is not of the form "address name [alias...]"`,
    );
  }
  return names.map((name) => `${address}\t${name}`);
}

function namesOf(hostname: string): string {
  const dot = hostname.indexOf('.');
  return dot > 0 ? `${hostname} ${hostname.slice(0, dot)}` : hostname;
}
