import { shuffle, tryParseIpv4, type Ipv4, type Rng } from '../../base/index.ts';
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
    case RecordType.A: {
      const addresses = lookup.addressesOf(name);
      if (addresses === undefined) return resolveUnknown(lookup, name);
      const data = shuffle([...addresses], context.rng).map(addressData);
      return answer(names, question, data);
    }
    case RecordType.AAAA:
      return lookup.addressesOf(name) === undefined ? resolveUnknown(lookup, name) : NODATA;
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
  return lookup.asker.hasNdots && !name.includes('.') ? NODATA : FORWARD;
}

function addressData(address: Ipv4): RecordData {
  return { kind: 'A', address };
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
  addressesOf(name: string): readonly Ipv4[] | undefined {
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
    if (!rest.includes('.')) return true;
    return this.networks.some(
      (network) => rest.endsWith(`.${network.name}`) && rest.length > network.name.length + 1,
    );
  }
}

function* splitsOf(name: string): Generator<{ host: string; network?: string }> {
  yield { host: name };
  for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
    yield { host: name.slice(0, dot), network: name.slice(dot + 1) };
  }
}

/** `4.3.2.1.in-addr.arpa` is 1.2.3.4. */
function addressOfReverse(name: string): Ipv4 | undefined {
  if (!name.endsWith(REVERSE_V4_SUFFIX)) return undefined;
  const octets = name.slice(0, -REVERSE_V4_SUFFIX.length).split('.');
  return tryParseIpv4(octets.reverse().join('.'));
}
