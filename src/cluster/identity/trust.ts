/**
 * Lists of certificates in PEM: chains that are shown, roots that are trusted, and what a node says
 * of both.
 */
import { X509Certificate, createHash } from 'node:crypto';
import type { Cluster, NodeTls } from '../../model/index.ts';
import { authorityDigest } from './token.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** Certificates in one text; more than a chain or a rotation ever has. */
const CERTIFICATES_MAX = 8;

/** Each certificate of a text, spelled as OpenSSL does. What is none ends the list. */
export function splitCertificates(pem: string): string[] {
  const found: string[] = [];
  for (const [text] of pem.matchAll(CERTIFICATE)) {
    try {
      found.push(new X509Certificate(text).toString());
    } catch {
      return [];
    }
    if (found.length > CERTIFICATES_MAX) return [];
  }
  return found;
}

/** Whether two texts hold the same certificates in the same order. */
export function isSameCertificate(left: string, right: string): boolean {
  return splitCertificates(left).join('') === splitCertificates(right).join('');
}

/** What `welcome` tells nodes of roots. */
export interface TrustedRoots {
  /** Roots to trust, PEM, one after the other. */
  readonly authorityPem: string;
  /** Digest of the root that certificates are to be of. */
  readonly issuer: string;
}

/** The roots that a cluster's nodes are to trust, and the one their certificates are to be of. */
export function rootsOf(cluster: Pick<Cluster, 'caCertificatePem' | 'caRotation'>): TrustedRoots {
  const { caCertificatePem: present, caRotation: next } = cluster;
  if (next === undefined) return { authorityPem: present, issuer: authorityDigest(present) };
  return { authorityPem: joinPem(present, next.certificatePem), issuer: next.digest };
}

/** Texts in PEM, each on lines of its own. */
export function joinPem(...texts: readonly string[]): string {
  return texts
    .filter((text) => text !== '')
    .map((text) => (text.endsWith('\n') ? text : `${text}\n`))
    .join('');
}

/** What a node with these certificates says of itself. */
export function describeTls(of: {
  readonly certificatePem: string;
  readonly authorityPem: string;
}): NodeTls {
  const roots = splitCertificates(of.authorityPem);
  return {
    issuer: issuerDigest(of.certificatePem, roots),
    trust: roots.map(authorityDigest),
    leaf: leafDigest(of.certificatePem),
  };
}

/** SHA-256 of a certificate, or of the first of a chain; hex. */
export function leafDigest(certificate: string | X509Certificate): string {
  const { raw } = typeof certificate === 'string' ? new X509Certificate(certificate) : certificate;
  return createHash('sha256').update(raw).digest('hex');
}

/** Digest of the root that a chain leads to; of several the one nearest to its beginning. */
function issuerDigest(chainPem: string, roots: readonly string[]): string {
  for (const link of splitCertificates(chainPem)) {
    const certificate = new X509Certificate(link);
    const issuer = roots.find((root) => certificate.verify(new X509Certificate(root).publicKey));
    if (issuer !== undefined) return authorityDigest(issuer);
  }
  return '';
}
