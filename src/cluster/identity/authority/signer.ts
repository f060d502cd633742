/**
 * Signs for nodes with the root that is to be signed with: during a rotation the next one, by an
 * external signer where there is one, else with the root's key.
 */
import { messageOf, type Logger } from '../../../base/index.ts';
import type { Cluster, ClusterId } from '../../../model/index.ts';
import { ClusterError } from '../../errors.ts';
import { issueCertificate, validityMs, type CertificateSubject } from '../certificates.ts';
import { isSameCertificate, joinPem } from '../trust.ts';
import { signExternally, type ExternalSigners, type SignerAccess } from './external.ts';
import type { Authority } from './root.ts';

/** What of a cluster decides who signs. */
export type SigningCluster = Pick<
  Cluster,
  'spec' | 'caCertificatePem' | 'caKeyPem' | 'caCrossPem' | 'caRotation'
> & { readonly id: ClusterId };

export interface SignRequest {
  readonly subject: Omit<CertificateSubject, 'clusterId'>;
  readonly requestPem: string;
  readonly nowMs: number;
  /** What this manager shows to external signers. */
  readonly access: SignerAccess | undefined;
  readonly logger: Logger;
}

/**
 * A node's certificate with what must go with it, so that nodes of the present root take it during
 * a rotation, and nodes of the root before take it after one. Throws `ClusterError`.
 */
export async function certify(cluster: SigningCluster, request: SignRequest): Promise<string> {
  const { caRotation, caCertificatePem, caKeyPem, caCrossPem = '' } = cluster;
  const root =
    caRotation === undefined
      ? { certificatePem: caCertificatePem, keyPem: caKeyPem, crossPem: caCrossPem }
      : caRotation;
  return joinPem(await signedBy(root, cluster, request), root.crossPem);
}

async function signedBy(
  root: Authority,
  cluster: SigningCluster,
  request: SignRequest,
): Promise<string> {
  const { access, requestPem, nowMs, logger } = request;
  const subject = { ...request.subject, clusterId: cluster.id };
  const external = signersOf(cluster, root.certificatePem, access);
  if (external.signers.length > 0) {
    try {
      return await signExternally(external, subject, requestPem);
    } catch (error) {
      if (root.keyPem === '') throw error;
      logger.warn({ error: messageOf(error) }, "signing with the cluster's own key instead");
    }
  }
  if (root.keyPem === '')
    throw new ClusterError(
      { code: 'signing-failed' },
      "nobody can sign: this cluster does not have its root's key, and no external signer of that " +
        'root is set (docker swarm update --external-ca)',
    );
  const life = validityMs(cluster.spec);
  return issueCertificate(root, { subject, requestPem, nowMs, validityMs: life });
}

/** External signers for a root. Those that name no root are for the present one. */
export function signersOf(
  cluster: Pick<Cluster, 'spec' | 'caCertificatePem' | 'caRotation'>,
  rootPem: string,
  access: SignerAccess | undefined,
): ExternalSigners {
  const signers = (cluster.spec.CAConfig.ExternalCAs ?? []).filter((each) =>
    isSameCertificate(each.CACert === '' ? cluster.caCertificatePem : each.CACert, rootPem),
  );
  const next = cluster.caRotation?.certificatePem ?? '';
  return { rootPem, trustPem: joinPem(rootPem, cluster.caCertificatePem, next), signers, access };
}
