/**
 * Roots: making one, taking one that an operator brought, and certifying the next with the present
 * one's key.
 *
 * A root is one self-signed certificate. Its key is EC P-256 when it is made here; EC on the other
 * NIST curves and RSA are taken as well.
 */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { messageOf } from '../../../base/index.ts';
import type { ClusterId } from '../../../model/index.ts';
import { ClusterError } from '../../errors.ts';
import { BACKDATE_MS } from '../certificates.ts';
import { splitCertificates } from '../trust.ts';
import {
  authorityKeyIdentifier,
  exportKey,
  generateKeys,
  importSigningKey,
  keyProblem,
  loadX509,
  sameKeyIdentifier,
} from '../x509.ts';

/** A root's certificate and its key, PEM. The key is empty where only external signers have it. */
export interface Authority {
  readonly certificatePem: string;
  readonly keyPem: string;
}

const AUTHORITY_VALIDITY_MS = 20 * 365 * 86_400_000;
/** A root that is brought must outlive this. */
const GIVEN_LIFE_MIN_MS = 365 * 86_400_000;

export async function createAuthority(clusterId: ClusterId, nowMs: number): Promise<Authority> {
  const x509 = await loadX509();
  const keys = await generateKeys();
  const name = [{ O: [clusterId] }, { CN: ['swarm-ca'] }];
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + AUTHORITY_VALIDITY_MS),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      // Room for one more below it: the root after it, cross-signed.
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const keyPem = await exportKey(keys.privateKey);
  return { certificatePem: `${certificate.toString('pem')}\n`, keyPem };
}

/**
 * A root that an operator brought, in this room's spelling. `keyPem` may be empty. Throws
 * `ClusterError`.
 */
export function takeAuthority(given: Authority, nowMs: number): Authority {
  const parts = splitCertificates(given.certificatePem);
  const [pem] = parts;
  if (pem === undefined) throw refused('the desired CA certificate is no certificate in PEM');
  if (parts.length > 1)
    throw refused('the desired CA certificate cannot contain multiple certificates');
  const certificate = new X509Certificate(pem);
  checkRoot(certificate, nowMs);
  if (given.keyPem === '') return { certificatePem: pem, keyPem: '' };
  return { certificatePem: pem, keyPem: takeKey(certificate, given.keyPem) };
}

function checkRoot(certificate: X509Certificate, nowMs: number): void {
  if (!certificate.ca || !certificate.verify(certificate.publicKey))
    throw refused('the desired CA certificate is not a self-signed one of an authority');
  const problem = keyProblem(certificate.publicKey);
  if (problem !== undefined) throw refused(`the desired CA certificate does not fit: ${problem}`);
  if (Date.parse(certificate.validFrom) > nowMs)
    throw refused('the desired CA certificate is not yet valid');
  if (Date.parse(certificate.validTo) < nowMs + GIVEN_LIFE_MIN_MS)
    throw refused('CA certificate expires too soon: it must be valid for another year');
}

function takeKey(certificate: X509Certificate, pem: string): string {
  let key;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw refused(`the desired CA key is no private key in PEM: ${messageOf(error)}`, error);
  }
  if (!certificate.checkPrivateKey(key))
    throw refused('the desired CA key does not belong to the desired CA certificate');
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The key of `nextPem`'s root, certified by `present`, which must have its key. */
export async function crossSign(present: Authority, nextPem: string): Promise<string> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(present.certificatePem);
  const next = new x509.X509Certificate(nextPem);
  const signing = await importSigningKey(present.keyPem);
  const untilMs = Math.min(issuer.notAfter.getTime(), next.notAfter.getTime());
  const certificate = await x509.X509CertificateGenerator.create({
    subject: next.subjectName,
    issuer: issuer.subjectName,
    publicKey: next.publicKey,
    signingKey: signing.key,
    signingAlgorithm: signing.algorithm,
    notBefore: issuer.notBefore > next.notBefore ? issuer.notBefore : next.notBefore,
    notAfter: new Date(untilMs),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await sameKeyIdentifier(x509, next),
      await authorityKeyIdentifier(x509, issuer),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

export function refused(message: string, cause?: unknown): ClusterError {
  return new ClusterError({ code: 'invalid-authority' }, message, cause);
}
