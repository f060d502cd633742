import { X509Certificate, createHash } from 'node:crypto';
import test from 'ava';
import * as fc from 'fast-check';
import { ClusterError, isClusterError } from '../../../src/cluster/index.ts';
import {
  authorityDigest,
  createAuthority,
  createJoinSecret,
  createNodeKey,
  formatJoinToken,
  isSameSecret,
  issueCertificate,
  parseJoinToken,
} from '../../../src/cluster/identity/index.ts';
import type { ClusterId, NodeId } from '../../../src/model/index.ts';

const CLUSTER = 'cluster0000000000000000000' as ClusterId;
const NODE = 'node0000000000000000000000' as NodeId;

test('a certificate says who, in which role, of which cluster, and until when', async (t) => {
  const nowMs = Date.now();
  const authority = await createAuthority(CLUSTER, nowMs);
  const ca = new X509Certificate(authority.certificatePem);
  t.true(ca.ca);
  for (const role of ['worker', 'manager'] as const) {
    const { requestPem } = await createNodeKey();
    const pem = await issueCertificate(authority, {
      subject: { clusterId: CLUSTER, nodeId: NODE, role },
      requestPem,
      nowMs,
      validityMs: 90 * 86_400_000,
    });
    const certificate = new X509Certificate(pem);
    t.is(certificate.subject, `O=${CLUSTER}\nOU=swarm-${role}\nCN=${NODE}`);
    t.true(certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
    t.false(certificate.ca);
    t.is(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
    t.is(Math.round((Date.parse(certificate.validTo) - nowMs) / 86_400_000), 90);
    // Only managers may serve.
    t.is(certificate.keyUsage.includes('1.3.6.1.5.5.7.3.1'), role === 'manager');
  }
});

test('a request that is none, is of another kind of key, or is not signed by its key gets no certificate', async (t) => {
  const authority = await createAuthority(CLUSTER, Date.now());
  const { requestPem } = await createNodeKey();
  const der = Buffer.from(requestPem.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  der[der.length - 1] = (der[der.length - 1] ?? 0) ^ 1;
  const forged =
    `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END ` +
    `CERTIFICATE REQUEST-----\n`;
  for (const bad of ['', 'nonsense', authority.certificatePem, forged]) {
    const attempt = issueCertificate(authority, {
      subject: { clusterId: CLUSTER, nodeId: NODE, role: 'worker' },
      requestPem: bad,
      nowMs: Date.now(),
      validityMs: 1000,
    });
    t.true(isClusterError(await t.throwsAsync(attempt), 'invalid-request'));
  }
});

test('a token names the authority by the digest of its certificate', async (t) => {
  const { certificatePem } = await createAuthority(CLUSTER, Date.now());
  const digest = authorityDigest(certificatePem);
  const hex = createHash('sha256').update(new X509Certificate(certificatePem).raw).digest('hex');
  let value = 0n;
  for (const digit of digest) value = value * 36n + BigInt(Number.parseInt(digit, 36));
  t.is(value.toString(16).padStart(64, '0'), hex);
  const token = { digest, secret: createJoinSecret() };
  t.deepEqual(parseJoinToken(formatJoinToken(token)), token);
});

test('secrets differ, have 25 digits, and are compared whole', (t) => {
  const secrets = Array.from({ length: 200 }, () => createJoinSecret());
  t.is(new Set(secrets).size, 200);
  t.true(secrets.every((secret) => /^[0-9a-z]{25}$/.test(secret)));
  t.true(isSameSecret('abc', 'abc'));
  t.false(isSameSecret('abc', 'abcd'));
  t.false(isSameSecret('', 'abc'));
});

test('anything that is not a token is a coded error', (t) => {
  fc.assert(
    fc.property(fc.string({ size: 'max', maxLength: 200 }), (text) => {
      t.throws(() => parseJoinToken(`SWMTKN-1-${text}`), { instanceOf: ClusterError });
    }),
  );
});
