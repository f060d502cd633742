/** Tells when somebody changes a namespace, so that the reconcile loop looks again. */
import type { NamespaceFd } from './native.ts';
import {
  isWrittenNeighbour,
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NetlinkEvents,
  type NetlinkMessage,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELROUTE,
  RTM_DELRULE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWROUTE,
  RTM_NEWRULE,
} from './netlink/index.ts';

export type ChangeKind = 'link' | 'address' | 'route' | 'rule' | 'neighbour' | 'nft';

export interface WatchHandlers {
  /** Once per datagram and kind; includes the changes that the caller made. */
  readonly onChange: (kind: ChangeKind) => void;
  /** Changes were lost: anything may have changed. */
  readonly onOverrun: () => void;
}

export interface Watch {
  close(): void;
}

const RTNLGRP_LINK = 1;
const RTNLGRP_NEIGH = 3;
const RTNLGRP_IPV4_IFADDR = 5;
const RTNLGRP_IPV4_ROUTE = 7;
const RTNLGRP_IPV4_RULE = 8;
const NFNLGRP_NFTABLES = 7;

const KIND_BY_TYPE = new Map<number, ChangeKind>([
  [RTM_NEWLINK, 'link'],
  [RTM_DELLINK, 'link'],
  [RTM_NEWADDR, 'address'],
  [RTM_DELADDR, 'address'],
  [RTM_NEWROUTE, 'route'],
  [RTM_DELROUTE, 'route'],
  [RTM_NEWRULE, 'rule'],
  [RTM_DELRULE, 'rule'],
  [RTM_NEWNEIGH, 'neighbour'],
  [RTM_DELNEIGH, 'neighbour'],
]);

/**
 * Watches until closed; does not keep the process alive. Neighbours that traffic makes are not
 * reported.
 */
export function watchNamespace(namespaceFd: NamespaceFd, handlers: WatchHandlers): Watch {
  const report = (kinds: ReadonlySet<ChangeKind>): void => kinds.forEach(handlers.onChange);
  const { onOverrun } = handlers;
  const route = new NetlinkEvents(
    {
      namespaceFd,
      protocol: NETLINK_ROUTE,
      groups: [
        RTNLGRP_LINK,
        RTNLGRP_NEIGH,
        RTNLGRP_IPV4_IFADDR,
        RTNLGRP_IPV4_ROUTE,
        RTNLGRP_IPV4_RULE,
      ],
    },
    { onMessages: (messages) => report(kindsOf(messages)), onOverrun },
  );
  const nft = new NetlinkEvents(
    { namespaceFd, protocol: NETLINK_NETFILTER, groups: [NFNLGRP_NFTABLES] },
    { onMessages: () => handlers.onChange('nft'), onOverrun },
  );
  route.unref();
  nft.unref();
  return {
    close: () => {
      route.close();
      nft.close();
    },
  };
}

function kindsOf(messages: readonly NetlinkMessage[]): Set<ChangeKind> {
  const kinds = new Set<ChangeKind>();
  for (const message of messages) {
    const kind = KIND_BY_TYPE.get(message.type);
    if (kind === undefined || (kind === 'neighbour' && !isWrittenNeighbour(message))) continue;
    kinds.add(kind);
  }
  return kinds;
}
