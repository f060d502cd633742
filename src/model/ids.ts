import type { Brand } from '../base/index.ts';

export type ClusterId = Brand<string, 'ClusterId'>;
export type NodeId = Brand<string, 'NodeId'>;
export type NetworkId = Brand<string, 'NetworkId'>;
export type ServiceId = Brand<string, 'ServiceId'>;
export type TaskId = Brand<string, 'TaskId'>;

/** A VXLAN network identifier. Allocated from 4096 up to 2^24 - 1; unique in the cluster. */
export type Vni = Brand<number, 'Vni'>;

/**
 * A small number for each node, 1 to 65,534, allocated by the store and freed with the node. It
 * names the node where the kernel has little room: in the MAC of its bridges and in the connection
 * marks that bring ingress replies home.
 */
export type NodeIndex = Brand<number, 'NodeIndex'>;

/** The store's revision: one per applied command, never reused. Docker calls it `Version.Index`. */
export type Revision = Brand<number, 'Revision'>;
