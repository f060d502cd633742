/**
 * What a spec's `CAConfig` asks of the authority, beside what the cluster has: nothing, another key
 * for a root, or a rotation.
 *
 * The rules are Swarm's (swarmkit, manager/controlapi/ca_rotation.go): a root that is named is
 * rotated to unless it is the present or the next one already, another `ForceRotate` asks for a new
 * root of the cluster's own, and a root without a key needs a signer that answers.
 */
import { X509Certificate } from 'node:crypto';
import type { AuthorityConfig, Cluster, ClusterId } from '../../../model/index.ts';
import type { AuthorityChange } from '../../../store/index.ts';
import { createJoinSecret, authorityDigest } from '../token.ts';
import { isSameCertificate } from '../trust.ts';
import { crossSignExternally, isReachable, type SignerAccess } from './external.ts';
import { createAuthority, crossSign, refused, takeAuthority, type Authority } from './root.ts';
import { signersOf } from './signer.ts';

export interface ChangeContext {
  readonly nowMs: number;
  readonly access: SignerAccess | undefined;
}

/** `cluster.spec` is the spec that is asked for. Throws `ClusterError`. */
export async function planAuthority(
  cluster: Cluster,
  context: ChangeContext,
): Promise<AuthorityChange | undefined> {
  const config = cluster.spec.CAConfig;
  const given = givenAuthority(config, context.nowMs);
  const isPresent =
    given !== undefined && isSameCertificate(given.certificatePem, cluster.caCertificatePem);
  const forceRotate = config.ForceRotate ?? 0;
  if (isPresent && given.keyPem !== '')
    return { kind: 'rekey', of: 'present', keyPem: given.keyPem, forceRotate };
  if (cluster.caKeyPem === '')
    await requireSigner(cluster, { rootPem: cluster.caCertificatePem, which: 'current' }, context);
  if (given !== undefined) return planGiven(cluster, given, context);
  if ((cluster.caForceRotate ?? 0) !== forceRotate)
    return rotation(cluster, await createAuthority(cluster.id, context.nowMs), context);
  const { caRotation } = cluster;
  if (caRotation?.keyPem === '')
    await requireSigner(cluster, { rootPem: caRotation.certificatePem, which: 'next' }, context);
  return undefined;
}

/** The root that a new cluster begins with: one that is given, or one of its own. */
export async function firstAuthority(
  config: AuthorityConfig,
  clusterId: ClusterId,
  nowMs: number,
): Promise<Authority> {
  const given = givenAuthority(config, nowMs);
  if (given !== undefined) return given;
  const external = config.ExternalCAs?.find(({ CACert }) => CACert !== '');
  if (external === undefined) return createAuthority(clusterId, nowMs);
  return takeAuthority({ certificatePem: external.CACert, keyPem: '' }, nowMs);
}

function givenAuthority(config: AuthorityConfig, nowMs: number): Authority | undefined {
  const { SigningCACert: certificatePem, SigningCAKey: keyPem = '' } = config;
  return certificatePem === undefined
    ? undefined
    : takeAuthority({ certificatePem, keyPem }, nowMs);
}

async function planGiven(
  cluster: Cluster,
  given: Authority,
  context: ChangeContext,
): Promise<AuthorityChange> {
  const { caCertificatePem, caRotation } = cluster;
  const { certificatePem: rootPem, keyPem } = given;
  const forceRotate = cluster.spec.CAConfig.ForceRotate ?? 0;
  if (keyPem === '') await requireSigner(cluster, { rootPem, which: 'desired' }, context);
  if (isSameCertificate(rootPem, caCertificatePem))
    return { kind: 'rekey', of: 'present', keyPem, forceRotate };
  if (isSameKey(rootPem, caCertificatePem))
    throw refused('cannot update to a cert with an identical key');
  if (caRotation !== undefined && isSameCertificate(rootPem, caRotation.certificatePem))
    return { kind: 'rekey', of: 'next', keyPem, forceRotate };
  return rotation(cluster, given, context);
}

async function rotation(
  cluster: Cluster,
  next: Authority,
  context: ChangeContext,
): Promise<AuthorityChange> {
  const crossPem = await crossCertificate(cluster, next, context);
  return {
    kind: 'rotate',
    forceRotate: cluster.spec.CAConfig.ForceRotate ?? 0,
    rotation: {
      ...next,
      crossPem,
      digest: authorityDigest(next.certificatePem),
      joinSecrets: { worker: createJoinSecret(), manager: createJoinSecret() },
    },
  };
}

async function crossCertificate(
  cluster: Cluster,
  next: Authority,
  context: ChangeContext,
): Promise<string> {
  const present = { certificatePem: cluster.caCertificatePem, keyPem: cluster.caKeyPem };
  if (present.keyPem !== '') return crossSign(present, next.certificatePem);
  if (next.keyPem === '')
    throw refused('rotating from one external CA to a different external CA is not supported');
  return crossSignExternally(signersOf(cluster, present.certificatePem, context.access), next);
}

async function requireSigner(
  cluster: Cluster,
  root: { readonly rootPem: string; readonly which: 'current' | 'next' | 'desired' },
  context: ChangeContext,
): Promise<void> {
  if (await isReachable(signersOf(cluster, root.rootPem, context.access))) return;
  throw refused(
    'there must be at least one valid, reachable external CA corresponding to the ' +
      `${root.which} CA certificate`,
  );
}

function isSameKey(left: string, right: string): boolean {
  return new X509Certificate(left).publicKey.equals(new X509Certificate(right).publicKey);
}
