/** Tells what somebody changes in a namespace, so that the reconcile loop knows what is there. */
import type { KernelEvent, NamespaceName } from '../dataplane/index.ts';
import { KernelError } from './kernel-error.ts';
import { EventReader } from './linux/events.ts';
import {
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NetlinkEvents,
  NetlinkSocket,
  type NetlinkMessage,
} from './netlink/index.ts';
import type { OpenNamespace } from './netns.ts';
import type { KnownTables } from './nft/known-tables.ts';
import { askNftGeneration } from './nft/nft-tables.ts';

export interface WatchHandlers {
  /** In the order in which things happened; includes the changes that the caller made. */
  readonly onEvents: (events: readonly KernelEvent[]) => void;
}

export interface Watch {
  /** Tells at once what happened until now. */
  drain(): void;
  close(): void;
}

export interface WatchedNamespace {
  readonly name: NamespaceName;
  readonly space: OpenNamespace;
  readonly tables: KnownTables;
}

const RTNLGRP_LINK = 1;
const RTNLGRP_NEIGH = 3;
const RTNLGRP_IPV4_IFADDR = 5;
const RTNLGRP_IPV4_ROUTE = 7;
const RTNLGRP_IPV4_RULE = 8;
const RTNLGRP_IPV6_IFADDR = 9;
const RTNLGRP_IPV6_ROUTE = 11;
const RTNLGRP_IPV6_RULE = 19;
const ROUTE_GROUPS = [
  RTNLGRP_LINK,
  RTNLGRP_NEIGH,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV4_RULE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_IPV6_RULE,
];
const NFNLGRP_NFTABLES = 7;
const UNCLEAR: readonly KernelEvent[] = [{ event: 'unclear' }];

/** Watches until closed; does not keep the process alive. */
export function watchNamespace(watched: WatchedNamespace, handlers: WatchHandlers): Watch {
  const route = watchRoutes(watched, handlers);
  try {
    const tables = new TableWatch(watched, handlers);
    return {
      drain: () => {
        route.drain();
        tables.drain();
      },
      close: () => {
        route.close();
        tables.close();
      },
    };
  } catch (error) {
    route.close();
    throw error;
  }
}

function watchRoutes({ name, space }: WatchedNamespace, handlers: WatchHandlers): NetlinkEvents {
  let reader: EventReader | undefined;
  const route = new NetlinkEvents(
    { namespaceFd: space.fd, protocol: NETLINK_ROUTE, groups: ROUTE_GROUPS },
    {
      onMessages: (messages) => {
        const events = reader === undefined ? [] : readEvents(reader, messages);
        if (events.length > 0) handlers.onEvents(events);
      },
      onOverrun: () => handlers.onEvents(UNCLEAR),
    },
  );
  route.unref();
  try {
    reader = new EventReader(name, space.route);
  } catch (error) {
    route.close();
    throw error;
  }
  return route;
}

/** A message that cannot be read is an event that was not understood. */
function readEvents(
  reader: EventReader,
  messages: readonly NetlinkMessage[],
): readonly KernelEvent[] {
  try {
    return messages.flatMap((message) => reader.read(message));
  } catch (error) {
    if (error instanceof KernelError) return UNCLEAR;
    throw error;
  }
}

/** Says only that tables were changed by others; which and how is read from nft. */
class TableWatch {
  private readonly tables: KnownTables;
  private readonly place: { readonly name: NamespaceName; readonly inode: number };
  private readonly handlers: WatchHandlers;
  /** Its own, because what the namespace is known by may be closed before the watch is. */
  private readonly socket: NetlinkSocket;
  private readonly events: NetlinkEvents;
  private isDirty = false;

  constructor({ name, space, tables }: WatchedNamespace, handlers: WatchHandlers) {
    this.tables = tables;
    this.place = { name, inode: space.inode };
    this.handlers = handlers;
    this.socket = new NetlinkSocket(space.fd, NETLINK_NETFILTER);
    const onMessages = (): void => {
      if (!this.isDirty) queueMicrotask(() => this.check());
      this.isDirty = true;
    };
    try {
      this.events = new NetlinkEvents(
        { namespaceFd: space.fd, protocol: NETLINK_NETFILTER, groups: [NFNLGRP_NFTABLES] },
        { onMessages, onOverrun: onMessages },
      );
    } catch (error) {
      this.socket.close();
      throw error;
    }
    this.events.unref();
  }

  drain(): void {
    this.events.drain();
    this.check();
  }

  close(): void {
    this.isDirty = false;
    this.events.close();
    this.socket.close();
  }

  private check(): void {
    if (!this.isDirty || this.tables.isBusy(this.place.name)) return;
    this.isDirty = false;
    if (!this.tables.areAsOf(this.place, this.generation())) this.handlers.onEvents(UNCLEAR);
  }

  /** -1, which no namespace has, when the kernel does not tell. */
  private generation(): number {
    try {
      return askNftGeneration(this.socket);
    } catch (error) {
      if (error instanceof KernelError) return -1;
      throw error;
    }
  }
}
