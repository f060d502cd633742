/**
 * What every maker of certificates here needs of the X.509 library: keys in and out, and the names
 * of keys that let a verifier find the issuer among roots that are called the same.
 *
 * The library is loaded at first use: an agent that only restarts makes no certificates.
 */
import { createPrivateKey, webcrypto, type KeyObject } from 'node:crypto';
import type * as X509 from '@peculiar/x509';

export type X509Library = typeof X509;

/** A key that signs, with the name of how it does. */
export interface SigningKey {
  readonly key: webcrypto.CryptoKey;
  readonly algorithm: { readonly name: string; readonly hash: string };
}

const P256 = { name: 'ECDSA', namedCurve: 'P-256' };

/** How keys of each kind sign, by the curve's name in OpenSSL's words; `rsa` for RSA. */
const KINDS: Readonly<Record<string, { readonly name: string; readonly hash: string }>> = {
  prime256v1: { name: 'ECDSA', hash: 'SHA-256' },
  secp384r1: { name: 'ECDSA', hash: 'SHA-384' },
  secp521r1: { name: 'ECDSA', hash: 'SHA-512' },
  rsa: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
};
const CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};
const RSA_BITS_MIN = 2048;

export async function loadX509(): Promise<X509Library> {
  // The library's parts find each other through this one, which must be there before them.
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

/** A new EC P-256 pair. */
export async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
}

/** PKCS#8 PEM. */
export async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

/** Why a key cannot sign certificates here; undefined when it can. */
export function keyProblem(key: KeyObject): string | undefined {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' && (modulusLength ?? 0) >= RSA_BITS_MIN) return undefined;
  if (key.asymmetricKeyType === 'ec' && KINDS[namedCurve ?? ''] !== undefined) return undefined;
  return `keys must be EC on P-256, P-384 or P-521, or RSA of ${RSA_BITS_MIN} bits and more`;
}

/** Throws when `pem` is no private key of a kind that `keyProblem` accepts. */
export async function importSigningKey(pem: string): Promise<SigningKey> {
  const object = createPrivateKey(pem);
  const problem = keyProblem(object);
  if (problem !== undefined) throw new Error(problem);
  const curve = object.asymmetricKeyDetails?.namedCurve;
  const algorithm = KINDS[curve ?? 'rsa'];
  if (algorithm === undefined) throw new Error(`unknown curve ${curve ?? ''}`);
  const how = curve === undefined ? algorithm : { ...algorithm, namedCurve: CURVES[curve] ?? '' };
  const der = object.export({ type: 'pkcs8', format: 'der' });
  return { key: await webcrypto.subtle.importKey('pkcs8', der, how, false, ['sign']), algorithm };
}

/** The key of a signing request. Throws when it is not EC P-256, or did not sign the request. */
export async function requestedKey(
  x509: X509Library,
  requestPem: string,
): Promise<webcrypto.CryptoKey> {
  const request = new x509.Pkcs10CertificateRequest(requestPem);
  const key = (await request.publicKey.export(P256, ['verify'])) as webcrypto.CryptoKey;
  if (!(await request.verify())) throw new Error('its signature is wrong');
  return key;
}

/** A request for a certificate over a root's key, under the root's own name. */
export async function generateRequest(
  x509: X509Library,
  root: { readonly certificatePem: string; readonly keyPem: string },
): Promise<string> {
  const signing = await importSigningKey(root.keyPem);
  const certificate = new x509.X509Certificate(root.certificatePem);
  const publicKey = (await certificate.publicKey.export()) as webcrypto.CryptoKey;
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: certificate.subjectName.toString(),
    keys: { privateKey: signing.key, publicKey },
    signingAlgorithm: signing.algorithm,
  });
  return request.toString('pem');
}

/** Names the issuer's key as the issuer's certificate does; roots that others made vary in how. */
export async function authorityKeyIdentifier(
  x509: X509Library,
  issuer: X509.X509Certificate,
): Promise<X509.AuthorityKeyIdentifierExtension> {
  const named = issuer.getExtension(x509.SubjectKeyIdentifierExtension);
  if (named === null) return x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey);
  return new x509.AuthorityKeyIdentifierExtension(named.keyId);
}

/** The name of the key that `certificate` is for, for another certificate of the same key. */
export async function sameKeyIdentifier(
  x509: X509Library,
  certificate: X509.X509Certificate,
): Promise<X509.SubjectKeyIdentifierExtension> {
  const named = certificate.getExtension(x509.SubjectKeyIdentifierExtension);
  if (named === null) return x509.SubjectKeyIdentifierExtension.create(certificate.publicKey);
  return new x509.SubjectKeyIdentifierExtension(named.keyId);
}
