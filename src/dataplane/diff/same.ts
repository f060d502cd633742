/**
 * Whether what the kernel holds is what is wanted. What a wanted object leaves open is not
 * compared.
 */
import { nftRuleKey } from '../nft-digest.ts';
import type {
  BridgePort,
  KernelObject,
  LinkObject,
  NftChain,
  NftMap,
  NftSet,
  NftTableObject,
} from '../objects.ts';

/** Precondition: both have one key. */
export function isSame(observed: KernelObject, desired: KernelObject): boolean {
  if (observed === desired) return true;
  switch (desired.kind) {
    case 'link':
      return observed.kind === 'link' && isSameLink(observed, desired);
    case 'address':
      return observed.kind === 'address';
    case 'route':
      return (
        observed.kind === 'route' &&
        observed.link === desired.link &&
        observed.via === desired.via &&
        observed.isOnlink === desired.isOnlink
      );
    case 'rule':
      return observed.kind === 'rule' && observed.table === desired.table;
    case 'neighbour':
      return observed.kind === 'neighbour' && observed.mac === desired.mac;
    case 'fdb':
      return observed.kind === 'fdb' && vtepOf(observed) === vtepOf(desired);
    case 'sysctl':
      return observed.kind === 'sysctl' && words(observed.value) === words(desired.value);
    case 'nft-table':
      return observed.kind === 'nft-table' && isSameTable(observed, desired);
  }
}

/** Whether the link has to be made anew: no request turns the one into the other. */
export function needsReplacement(observed: LinkObject, desired: LinkObject): boolean {
  if (observed.type !== desired.type) return true;
  if (observed.type === 'vxlan' && desired.type === 'vxlan')
    return (
      observed.vni !== desired.vni ||
      observed.udpPort !== desired.udpPort ||
      observed.local !== desired.local
    );
  if (observed.type === 'veth' && desired.type === 'veth')
    return (
      observed.peerNamespace !== desired.peerNamespace || observed.peerName !== desired.peerName
    );
  return false;
}

function isSameLink(observed: LinkObject, desired: LinkObject): boolean {
  if (needsReplacement(observed, desired) || observed.isUp !== desired.isUp) return false;
  // The kernel's own link has nothing else that is ours.
  if (desired.type === 'loopback') return true;
  return (
    (desired.mac === undefined || observed.mac === desired.mac) &&
    (desired.mtu === undefined || observed.mtu === desired.mtu) &&
    observed.master === desired.master &&
    (desired.port === undefined || isSamePort(observed.port, desired.port))
  );
}

function isSamePort(observed: BridgePort | undefined, desired: BridgePort): boolean {
  return (
    observed?.learning === desired.learning &&
    observed.unicastFlood === desired.unicastFlood &&
    observed.isolated === desired.isolated &&
    observed.hairpin === desired.hairpin
  );
}

function vtepOf(row: KernelObject & { readonly kind: 'fdb' }): string | undefined {
  return row.owner === 'self' ? row.vtep : undefined;
}

function words(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}

function isSameTable(observed: NftTableObject, desired: NftTableObject): boolean {
  return (
    areSameByName(observed.sets, desired.sets, isSameSet) &&
    areSameByName(observed.maps, desired.maps, isSameMap) &&
    areSameByName(observed.chains, desired.chains, isSameChain)
  );
}

function areSameByName<Item extends { readonly name: string }>(
  observed: readonly Item[],
  desired: readonly Item[],
  isSameItem: (observed: Item, desired: Item) => boolean,
): boolean {
  if (observed.length !== desired.length) return false;
  const byName = new Map(observed.map((item) => [item.name, item]));
  return desired.every((item) => {
    const other = byName.get(item.name);
    return other !== undefined && (other === item || isSameItem(other, item));
  });
}

function isSameSet(observed: NftSet, desired: NftSet): boolean {
  if (observed.type !== desired.type) return false;
  if (observed.dynamic !== undefined || desired.dynamic !== undefined)
    return (
      observed.dynamic?.sizeMax === desired.dynamic?.sizeMax &&
      observed.dynamic?.timeoutSeconds === desired.dynamic?.timeoutSeconds
    );
  const elements = new Set(observed.elements.map(words));
  const wanted = new Set(desired.elements.map(words));
  return elements.size === wanted.size && [...wanted].every((element) => elements.has(element));
}

function isSameMap(observed: NftMap, desired: NftMap): boolean {
  if (observed.type !== desired.type || observed.elements.size !== desired.elements.size)
    return false;
  for (const [key, value] of desired.elements)
    if (observed.elements.get(key) !== value) return false;
  return true;
}

function isSameChain(observed: NftChain, desired: NftChain): boolean {
  return (
    observed.base?.type === desired.base?.type &&
    observed.base?.hook === desired.base?.hook &&
    observed.base?.priority === desired.base?.priority &&
    observed.base?.policy === desired.base?.policy &&
    observed.rules.length === desired.rules.length &&
    desired.rules.every((rule, at) => nftRuleKey(rule) === nftRuleKey(observed.rules[at] ?? ''))
  );
}
