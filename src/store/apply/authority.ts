/**
 * The rotation of the cluster's root, as states of its row.
 *
 *   steady -- rotate --> rotating -- every node that is up has moved --> steady, with the next root
 *                        rotating -- rotate --> rotating, to yet another root
 *                        rotating -- rekey of the present root --> steady, with the present root
 *
 * While rotating, new certificates are of the next root, nodes trust both, and each certificate
 * goes with the cross certificate, so that nodes which trust the present root alone take it too.
 */
import type { Cluster, Node } from '../../model/index.ts';
import type { AuthorityChange, Refusal } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { refuse } from './refuse.ts';

/** The cluster after `change`, or why there can be none. */
export function changeAuthority(
  cluster: Cluster,
  change: AuthorityChange,
): { readonly cluster: Cluster } | { readonly refusal: Refusal } {
  const caForceRotate = change.forceRotate;
  if (change.kind === 'rotate')
    return { cluster: { ...cluster, caRotation: change.rotation, caForceRotate } };
  const { caRotation, ...steady } = cluster;
  const { keyPem } = change;
  if (change.of === 'present') return { cluster: { ...steady, caKeyPem: keyPem, caForceRotate } };
  if (caRotation === undefined)
    return { refusal: refuse('invalid', 'no root rotation is going on') };
  return { cluster: { ...steady, caRotation: { ...caRotation, keyPem }, caForceRotate } };
}

/**
 * Ends a rotation when the last node that is up has moved. The join tokens become those of the new
 * root; nodes that are down move when they come back.
 */
export function maybeFinishRotation(draft: Draft): void {
  const { cluster, nodes } = draft.state;
  if (cluster?.caRotation === undefined) return;
  const { caRotation, ...rest } = cluster;
  const up = [...nodes.values()].filter((node) => node.state !== 'down');
  if (up.length === 0 || !up.every((node) => hasMoved(node, caRotation.digest))) return;
  draft.setCluster({
    ...rest,
    meta: draft.meta(cluster.meta),
    caCertificatePem: caRotation.certificatePem,
    caKeyPem: caRotation.keyPem,
    caCrossPem: caRotation.crossPem,
    joinSecrets: caRotation.joinSecrets,
  });
}

/** Its certificate is of the root, and it trusts the root. */
function hasMoved(node: Node, digest: string): boolean {
  const { tls } = node.description;
  return tls?.issuer === digest && tls.trust.includes(digest);
}
