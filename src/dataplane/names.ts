/** Names that the plan gives to namespaces and links. Interface names hold 15 characters. */
import type { NetworkId, TaskId } from '../model/index.ts';
import type { NamespaceName } from './objects.ts';

export const GATEWAY_BRIDGE = 'hawser_gw';
/** Host's end of the ingress namespace's leg, and that leg. */
export const INGRESS_HOST_LINK = 'hawser_ing';
export const INGRESS_LEG = 'gw0';
/** The bridge of every overlay namespace. */
export const OVERLAY_BRIDGE = 'br0';
/** The one table of ours in every namespace and family that has one. */
export const NFT_TABLE = 'hawser';

export function overlayNamespace(networkId: NetworkId): NamespaceName {
  return `n-${networkId.slice(0, 12)}`;
}

/** The overlay's end of a task's link; the other end is `ethN` in the sandbox. */
export function overlayPort(taskId: TaskId): string {
  return `v${taskId.slice(0, 12)}`;
}

/** The host's end of a task's leg on `hawser_gw`. */
export function gatewayPort(taskId: TaskId): string {
  return `hawser${taskId.slice(0, 9)}`;
}

/** The VXLAN device of the network's subnet at `index`. */
export function vxlanLink(index: number): string {
  return `vx${index}`;
}

/**
 * Sandbox interfaces are numbered in the order of the task's attachments; the gateway leg comes
 * last.
 */
export function sandboxLink(index: number): string {
  return `eth${index}`;
}

/** Whether a namespace of the run directory is one that plans make: `n-` or `t-`. */
export function isPlannedNamespace(name: NamespaceName): boolean {
  return /^[nt]-/.test(name);
}
