import {
  bytesOfIp,
  familyOf,
  shuffle,
  tryParseIp,
  type Ip,
  type IpFamily,
  type Rng,
} from '../../base/index.ts';
import type { NetworkId } from '../../model/index.ts';
import {
  Rcode,
  RecordClass,
  RecordType,
  type Question,
  type RecordData,
  type ResourceRecord,
} from '../wire/message.ts';
import type { Names, NetworkNames } from './names.ts';

/** What an answer depends on beside the names: who asks. */
export interface Asker {
  /**
   * The networks it is attached to, in the order of its spec. Ingress networks are looked at last,
   * wherever they stand.
   */
  readonly networks: readonly NetworkId[];
  /**
   * Whether the host's resolv.conf or the operator set `ndots`: then names of one label are not
   * asked outside.
   */
  readonly hasNdots: boolean;
}

/** `answer` without records is NODATA: the name exists, but not with this type. */
export type Resolution =
  | { readonly kind: 'answer'; readonly records: readonly ResourceRecord[] }
  | { readonly kind: 'forward' }
  | { readonly kind: 'refuse'; readonly rcode: number };

const NODATA: Resolution = { kind: 'answer', records: [] };
const FORWARD: Resolution = { kind: 'forward' };
const REVERSE_V4_SUFFIX = '.in-addr.arpa';
const REVERSE_V6_SUFFIX = '.ip6.arpa';
const TASKS_PREFIX = 'tasks.';

/**
 * Decides what happens to a question.
 *
 * Only networks of the asker are looked into. The owner of every record is the question's name,
 * letter by letter; several addresses come in random order.
 */
export function resolve(
  names: Names,
  question: Question,
  context: { readonly asker: Asker; readonly rng: Rng },
): Resolution {
  if (question.class !== RecordClass.IN) return FORWARD;
  const lookup = new Lookup(names, context.asker);
  const name = question.name.toLowerCase();
  switch (question.type) {
    case RecordType.A:
    case RecordType.AAAA: {
      const addresses = lookup.addressesOf(name);
      if (addresses === undefined) return resolveUnknown(lookup, name);
      const own = ofFamily(addresses, question.type === RecordType.A ? 4 : 6);
      return answer(names, question, shuffle(own, context.rng).map(addressData));
    }
    case RecordType.MX:
      return lookup.addressesOf(name) === undefined ? FORWARD : NODATA;
    case RecordType.PTR: {
      const target = lookup.nameOf(name);
      return target === undefined ? FORWARD : answer(names, question, [{ kind: 'PTR', target }]);
    }
    default:
      return FORWARD;
  }
}

/** An A or AAAA question for a name that none of the asker's networks has. */
function resolveUnknown(lookup: Lookup, name: string): Resolution {
  if (lookup.isMissingTasksName(name)) return { kind: 'refuse', rcode: Rcode.NXDOMAIN };
  return lookup.asker.hasNdots && lastDot(name) < 0 ? NODATA : FORWARD;
}

/** None of them is NODATA: the name exists, in the other family alone. */
function ofFamily(addresses: readonly Ip[], family: IpFamily): Ip[] {
  return addresses.filter((address) => familyOf(address) === family);
}

/** The record of an address: A or AAAA. */
export function addressData(address: Ip): RecordData {
  return typeof address === 'number'
    ? { kind: 'A', address }
    : { kind: 'AAAA', address: bytesOfIp(address) };
}

function answer(names: Names, question: Question, data: readonly RecordData[]): Resolution {
  const owner = { name: question.name, class: question.class, ttl: names.ttlSeconds };
  return { kind: 'answer', records: data.map((one) => ({ ...owner, data: one })) };
}

/** The names as one asker sees them. */
class Lookup {
  readonly asker: Asker;
  private readonly names: Names;
  private readonly networks: readonly NetworkNames[];

  constructor(names: Names, asker: Asker) {
    this.names = names;
    this.asker = asker;
    const known = asker.networks
      .map((id) => names.network(id))
      .filter((network) => network !== undefined);
    this.networks = known.sort((one, other) => Number(one.isIngress) - Number(other.isIngress));
  }

  /**
   * For `a.b.c.d`: `a.b.c.d` on any network, then `a.b.c` on network `d`, `a.b` on `c.d`, `a` on
   * `b.c.d`. The first network that has the name answers.
   */
  addressesOf(name: string): readonly Ip[] | undefined {
    for (const { host, network } of splitsOf(name)) {
      for (const candidate of this.networks) {
        if (network !== undefined && candidate.name !== network) continue;
        const addresses = candidate.addressesOf(host);
        if (addresses !== undefined) return addresses;
      }
    }
    return undefined;
  }

  nameOf(reverseName: string): string | undefined {
    const address = addressOfReverse(reverseName);
    if (address === undefined) return undefined;
    for (const network of this.networks) {
      const name = network.nameOf(address);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  /**
   * Whether the unknown name can only have meant tasks of a service: `tasks.<label>`, or that on a
   * network of the asker. Longer names may be real ones of the outside and are not meant.
   */
  isMissingTasksName(name: string): boolean {
    if (this.names.mode === 'compatible' || !name.startsWith(TASKS_PREFIX)) return false;
    const rest = name.slice(TASKS_PREFIX.length);
    if (lastDot(rest) < 0) return true;
    const suffixes = new Set([...splitsOf(rest)].map(({ network }) => network));
    return this.networks.some((network) => suffixes.has(network.name));
  }
}

function* splitsOf(name: string): Generator<{ host: string; network?: string }> {
  yield { host: name };
  for (let dot = lastDot(name); dot > 0; dot = lastDot(name.slice(0, dot))) {
    yield { host: name.slice(0, dot), network: name.slice(dot + 1) };
  }
}

/** Index of the last dot between labels; -1 for a name of one label. */
function lastDot(name: string): number {
  let last = -1;
  for (let at = 0; at < name.length; at += 1) {
    if (name[at] === '\\') at += 1;
    else if (name[at] === '.') last = at;
  }
  return last;
}

/**
 * `4.3.2.1.in-addr.arpa` is 1.2.3.4; 32 digits, the last one first, and `.ip6.arpa` are an IPv6
 * address (RFC 3596 §2.5).
 */
function addressOfReverse(name: string): Ip | undefined {
  if (name.endsWith(REVERSE_V4_SUFFIX)) {
    const octets = name.slice(0, -REVERSE_V4_SUFFIX.length).split('.');
    return tryParseIp(octets.reverse().join('.'));
  }
  if (!/^([0-9a-f]\.){32}ip6\.arpa$/.test(name)) return undefined;
  const digits = name.slice(0, -REVERSE_V6_SUFFIX.length).split('.').reverse().join('');
  return tryParseIp(digits.replace(/....(?=.)/g, '$&:'));
}
