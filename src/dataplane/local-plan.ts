/** What a node decides for itself and a plan needs beside the view: where its sandboxes are. */
import type { TaskId } from '../model/index.ts';
import type { NamespaceName } from './objects.ts';

/**
 * The network namespace of one local task. What it is attached to stands in the task's
 * assignment.
 */
export interface LocalSandbox {
  readonly taskId: TaskId;
  readonly namespace: NamespaceName;
  /** Its address on `hawser_gw`, without prefix length. */
  readonly gatewayAddress: string;
  /** Where the resolver listens on 127.0.0.11 inside the sandbox; absent while it does not. */
  readonly resolverPorts?: { readonly udp: number; readonly tcp: number };
}

/** `hawser_gw`: the bridge between the sandboxes and the node's underlay. */
export interface Gateway {
  /** `a.b.c.d/n`; unique on the node, the same on all or not. */
  readonly prefix: string;
  /** The bridge's own address, without prefix length. */
  readonly address: string;
  /** Address of the ingress namespace's leg. */
  readonly ingressAddress: string;
}

export interface LocalPlan {
  readonly sandboxes: readonly LocalSandbox[];
  readonly gateway: Gateway;
}
