/**
 * Join tokens: `SWMTKN-1-<digest>-<secret>`, Swarm's shape.
 *
 * The digest (SHA-256 of the authority's certificate, DER, as 50 base-36 digits) lets a joining
 * node recognise its cluster before it says anything; the secret (25 base-36 digits) says which
 * role it may have.
 */
import { X509Certificate, createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { ClusterError } from '../errors.ts';

const DIGEST_DIGITS = 50;
const SECRET_DIGITS = 25;
/** 129 bits: the most that always fit 25 digits is 2^129 < 36^25. */
const SECRET_BITS = 129n;
const TOKEN = /^SWMTKN-1-([0-9a-z]{50})-([0-9a-z]{25})$/;

export interface JoinToken {
  readonly digest: string;
  readonly secret: string;
}

/** Throws `ClusterError`. */
export function parseJoinToken(text: string): JoinToken {
  const match = TOKEN.exec(text);
  const [, digest, secret] = match ?? [];
  if (digest !== undefined && secret !== undefined) return { digest, secret };
  throw new ClusterError(
    { code: 'invalid-token' },
    'invalid join token: it must look like SWMTKN-1-<50 digits>-<25 digits>; print one with ' +
      '"docker swarm join-token worker" on a manager',
  );
}

export function formatJoinToken(token: JoinToken): string {
  return `SWMTKN-1-${token.digest}-${token.secret}`;
}

/** 128 random bits and more, as 25 base-36 digits. */
export function createJoinSecret(): string {
  const value = BigInt(`0x${randomBytes(17).toString('hex')}`) % (1n << SECRET_BITS);
  return value.toString(36).padStart(SECRET_DIGITS, '0');
}

/** What a token says of an authority. Throws when `pem` is no certificate. */
export function authorityDigest(pem: string): string {
  const der = new X509Certificate(pem).raw;
  const value = BigInt(`0x${createHash('sha256').update(der).digest('hex')}`);
  return value.toString(36).padStart(DIGEST_DIGITS, '0');
}

/** Compares in a time that tells nothing of where they differ. */
export function isSameSecret(left: string, right: string): boolean {
  const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digestOf(left), digestOf(right));
}
