/**
 * The only file that makes X.509: the cluster's authority, keys with requests, and node
 * certificates.
 *
 * As in Swarm, a node's certificate says who it is in its subject: CN = node id, OU = role, O =
 * cluster id. Managers may serve and connect; workers may only connect, so that no worker can pose
 * as a manager. All keys are EC P-256. The library is loaded at first use: an agent that only
 * restarts makes no certificates.
 */
import { X509Certificate, webcrypto } from 'node:crypto';
import type * as X509 from '@peculiar/x509';
import { messageOf } from '../../base/index.ts';
import type { ClusterId, ClusterSpec, NodeId } from '../../model/index.ts';
import { ClusterError } from '../errors.ts';

export type NodeRole = 'worker' | 'manager';

/** OU of a role's certificates; also a DNS name in them, which TLS clients ask for. */
export const ROLE_UNIT = { worker: 'swarm-worker', manager: 'swarm-manager' } as const;

export interface Authority {
  readonly certificatePem: string;
  readonly keyPem: string;
}

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

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' };
const AUTHORITY_VALIDITY_MS = 20 * 365 * 86_400_000;
/** Certificates are valid from a little earlier, for nodes whose clocks are behind. */
const BACKDATE_MS = 3_600_000;

export async function createAuthority(clusterId: ClusterId, nowMs: number): Promise<Authority> {
  const x509 = await load();
  const keys = await generateKeys();
  const name = [{ O: [clusterId] }, { CN: ['swarm-ca'] }];
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + AUTHORITY_VALIDITY_MS),
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: certificate.toString('pem'), keyPem: await exportKey(keys.privateKey) };
}

/**
 * A new key, and the request for a certificate over it. The subject is the authority's to choose.
 */
export async function createNodeKey(): Promise<NodeKey> {
  const x509 = await load();
  const keys = await generateKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: ['hawser-node'] }],
    keys,
    signingAlgorithm: SIGNING_ALGORITHM,
  });
  return { keyPem: await exportKey(keys.privateKey), requestPem: request.toString('pem') };
}

/** Throws `ClusterError` when the request is not one for an EC P-256 key, signed by that key. */
export async function issueCertificate(
  authority: Authority,
  options: IssueOptions,
): Promise<string> {
  const x509 = await load();
  const publicKey = await requestedKey(x509, options.requestPem);
  const issuer = new x509.X509Certificate(authority.certificatePem);
  const { clusterId, nodeId, role } = options.subject;
  const unit = ROLE_UNIT[role];
  const notAfterMs = Math.min(options.nowMs + options.validityMs, issuer.notAfter.getTime());
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ O: [clusterId] }, { OU: [unit] }, { CN: [nodeId] }],
    issuer: issuer.subjectName,
    publicKey,
    signingKey: await importKey(authority.keyPem),
    signingAlgorithm: SIGNING_ALGORITHM,
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
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return certificate.toString('pem');
}

function usages(x509: typeof X509, role: NodeRole): string[] {
  const client = x509.ExtendedKeyUsage.clientAuth;
  return role === 'manager' ? [x509.ExtendedKeyUsage.serverAuth, client] : [client];
}

async function requestedKey(x509: typeof X509, requestPem: string): Promise<webcrypto.CryptoKey> {
  try {
    const request = new x509.Pkcs10CertificateRequest(requestPem);
    const key = (await request.publicKey.export(KEY_ALGORITHM, ['verify'])) as webcrypto.CryptoKey;
    if (await request.verify()) return key;
  } catch (error) {
    throw badRequest(messageOf(error), error);
  }
  throw badRequest('its signature is wrong');
}

function badRequest(reason: string, cause?: unknown): ClusterError {
  const message = `the certificate request is not a valid one for an EC P-256 key: ${reason}`;
  return new ClusterError({ code: 'invalid-request' }, message, cause);
}

async function load(): Promise<typeof X509> {
  // The library's parts find each other through this one, which must be there before them.
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  return webcrypto.subtle.importKey('pkcs8', der, KEY_ALGORITHM, false, ['sign']);
}

const VALIDITY_DEFAULT_MS = 90 * 86_400_000;

/** How long a cluster's node certificates are valid. */
export function validityMs(spec: ClusterSpec): number {
  const wanted = spec.CAConfig.NodeCertExpiry / 1e6;
  return wanted > 0 ? wanted : VALIDITY_DEFAULT_MS;
}

/** Half of a certificate's life is over. */
export function renewalDueMs(certificatePem: string): number {
  const { validFrom, validTo } = new X509Certificate(certificatePem);
  return (Date.parse(validFrom) + Date.parse(validTo)) / 2;
}
