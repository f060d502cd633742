/**
 * Nodes' keys, requests and certificates.
 *
 * As in Swarm, a node's certificate says who it is in its subject: CN = node id, OU = role, O =
 * cluster id. Managers may serve and connect; workers may only connect, so that no worker can pose
 * as a manager. Nodes' keys are EC P-256.
 */
import { X509Certificate, createHash } from 'node:crypto';
import { messageOf } from '../../base/index.ts';
import type { ClusterId, ClusterSpec, NodeId } from '../../model/index.ts';
import { ClusterError } from '../errors.ts';
import type { Authority } from './authority/root.ts';
import {
  authorityKeyIdentifier,
  exportKey,
  generateKeys,
  importSigningKey,
  loadX509,
  requestedKey,
  type X509Library,
} from './x509.ts';

export type NodeRole = 'worker' | 'manager';

/** OU of a role's certificates; also a DNS name in them, which TLS clients ask for. */
export const ROLE_UNIT = { worker: 'swarm-worker', manager: 'swarm-manager' } as const;

export interface NodeKey {
  readonly keyPem: string;
  readonly requestPem: string;
}

export interface CertificateSubject {
  readonly clusterId: ClusterId;
  readonly nodeId: NodeId;
  readonly role: NodeRole;
}

export interface IssueOptions {
  readonly subject: CertificateSubject;
  readonly requestPem: string;
  readonly nowMs: number;
  readonly validityMs: number;
}

/** Certificates are valid from a little earlier, for nodes whose clocks are behind. */
export const BACKDATE_MS = 3_600_000;

/**
 * A new key, and the request for a certificate over it. The subject is the authority's to choose.
 */
export async function createNodeKey(): Promise<NodeKey> {
  const x509 = await loadX509();
  const keys = await generateKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: ['hawser-node'] }],
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  return { keyPem: await exportKey(keys.privateKey), requestPem: request.toString('pem') };
}

/** Throws `ClusterError` when the request is not one for an EC P-256 key, signed by that key. */
export async function issueCertificate(
  authority: Authority,
  options: IssueOptions,
): Promise<string> {
  const x509 = await loadX509();
  const publicKey = await requestedKey(x509, options.requestPem).catch((error: unknown) => {
    const message = `the certificate request is not a valid one for an EC P-256 key: `;
    throw new ClusterError({ code: 'invalid-request' }, message + messageOf(error), error);
  });
  const issuer = new x509.X509Certificate(authority.certificatePem);
  const signing = await importSigningKey(authority.keyPem);
  const { clusterId, nodeId, role } = options.subject;
  const unit = ROLE_UNIT[role];
  const notAfterMs = Math.min(options.nowMs + options.validityMs, issuer.notAfter.getTime());
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ O: [clusterId] }, { OU: [unit] }, { CN: [nodeId] }],
    issuer: issuer.subjectName,
    publicKey,
    signingKey: signing.key,
    signingAlgorithm: signing.algorithm,
    notBefore: new Date(options.nowMs - BACKDATE_MS),
    notAfter: new Date(notAfterMs),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usages(x509, role)),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: unit },
        { type: 'dns', value: nodeId },
      ]),
      await authorityKeyIdentifier(x509, issuer),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

function usages(x509: X509Library, role: NodeRole): string[] {
  const client = x509.ExtendedKeyUsage.clientAuth;
  return role === 'manager' ? [x509.ExtendedKeyUsage.serverAuth, client] : [client];
}

/** Whom a certificate names; undefined when it is not one of a node. Proves nothing by itself. */
export function subjectOf(certificate: X509Certificate): CertificateSubject | undefined {
  const parts = new Map<string, string>();
  for (const line of certificate.subject.split('\n')) {
    const [name, value] = line.split('=', 2);
    if (name !== undefined && value !== undefined) parts.set(name, value);
  }
  const [nodeId, clusterId, unit] = [parts.get('CN'), parts.get('O'), parts.get('OU')];
  if (nodeId === undefined || clusterId === undefined) return undefined;
  const names = { nodeId: nodeId as NodeId, clusterId: clusterId as ClusterId };
  if (unit === ROLE_UNIT.worker) return { ...names, role: 'worker' };
  if (unit === ROLE_UNIT.manager) return { ...names, role: 'manager' };
  return undefined;
}

/** The role that a node's own certificate, the first of the chain, gives it. */
export function certificateRole(chainPem: string): NodeRole {
  return subjectOf(new X509Certificate(chainPem))?.role ?? 'worker';
}

const VALIDITY_DEFAULT_MS = 90 * 86_400_000;

/** How long a cluster's node certificates are valid. */
export function validityMs(spec: ClusterSpec): number {
  const wanted = spec.CAConfig.NodeCertExpiry / 1e6;
  return wanted > 0 ? wanted : VALIDITY_DEFAULT_MS;
}

/** Part of its life after half of which a certificate is renewed, at most. */
const RENEWAL_SPREAD = 0.1;

/**
 * When a certificate is to be renewed: after half of its life and up to a tenth more of it, so that
 * nodes which joined together do not all come at once. The tenth follows from the certificate
 * itself, so that it is the same after a restart.
 */
export function renewalDueMs(certificatePem: string): number {
  const { validFrom, validTo, raw } = new X509Certificate(certificatePem);
  const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)];
  // Its life began when it was made, not where it was backdated to.
  const madeMs = fromMs + Math.min(BACKDATE_MS, (toMs - fromMs) / 2);
  const spread = createHash('sha256').update(raw).digest().readUInt32LE(0) / 2 ** 32;
  return madeMs + (toMs - madeMs) * (0.5 + RENEWAL_SPREAD * spread);
}
