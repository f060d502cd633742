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

/**
 * A namespace that attachments join. It is somebody else's: what is in it beside the legs, and the
 * way to the resolver, is none of a plan's business.
 */
export interface LocalJoint {
  readonly namespace: NamespaceName;
  readonly legs: readonly LocalLeg[];
  /** As in a sandbox. */
  readonly resolverPorts?: { readonly udp: number; readonly tcp: number };
}

/** An attachment's interface in a joined namespace. */
export interface LocalLeg {
  readonly taskId: TaskId;
  readonly link: string;
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
  /** Whether paths to other nodes are probed from here. */
  readonly isProbing?: boolean;
  readonly sandboxes: readonly LocalSandbox[];
  readonly joints: readonly LocalJoint[];
  readonly gateway: Gateway;
  /**
   * The host's links that take routers' advertisements (`accept_ra` is 1): they are to go on with
   * it where the node forwards IPv6.
   */
  readonly advertisedLinks: readonly string[];
}
