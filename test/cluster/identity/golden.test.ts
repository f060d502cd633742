/**
 * Bytes and fields that other versions rely on. What is read here was written by an earlier version
 * and is never written anew: a change of format is another file beside these.
 */
import 'reflect-metadata';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import test, { type ExecutionContext } from 'ava';
import {
  authorityDigest,
  createAuthority,
  createLogSeal,
  createNodeKey,
  formatJoinToken,
  isLocked,
  issueCertificate,
  loadMembership,
  parseJoinToken,
  parseUnlockKey,
  unlockMembership,
  type LockedMembership,
  type Membership,
} from '../../../src/cluster/identity/index.ts';
import { packageRoot } from '../../../src/base/index.ts';
import type { ClusterId, NodeId } from '../../../src/model/index.ts';

const GOLDEN = join(packageRoot(import.meta.dirname), 'test/cluster/identity/golden');

interface Seals {
  readonly dataKey: string;
  readonly plain: string;
  readonly record: string;
  readonly unlockKey: string;
  readonly unlockKeyHex: string;
  readonly token: string;
}

async function seals(): Promise<Seals> {
  return JSON.parse(await readFile(join(GOLDEN, 'seals.json'), 'utf8')) as Seals;
}

async function load(
  t: ExecutionContext,
  name: string,
): Promise<Membership | LockedMembership | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-identity-'));
  t.teardown(() => rm(directory, { recursive: true }));
  await copyFile(join(GOLDEN, name), join(directory, 'member.json'));
  return loadMembership(directory);
}

function requireOpen(found: Membership | LockedMembership | undefined): Membership {
  if (found === undefined || isLocked(found)) throw new Error('it is not open');
  return found;
}

test('a member.json of version 1 is read, without keys of a log', async (t) => {
  const member = requireOpen(await load(t, 'member-v1.json'));
  t.is(member.nodeId, 'node000000000000000000000' as NodeId);
  t.is(member.role, 'manager');
  t.deepEqual(member.dataKeys, []);
  t.true(
    new X509Certificate(member.certificatePem).checkPrivateKey(createPrivateKey(member.keyPem)),
  );
});

test('a member.json of version 2 is read, open or locked, and says the same', async (t) => {
  const { unlockKey, dataKey } = await seals();
  const open = requireOpen(await load(t, 'member-v2-open.json'));
  t.deepEqual(open.dataKeys, [dataKey]);
  const locked = await load(t, 'member-v2-locked.json');
  if (locked === undefined || !isLocked(locked)) return t.fail();
  t.false('keyPem' in locked || 'dataKeys' in locked);
  t.deepEqual(unlockMembership(locked, unlockKey), { ...open, unlockKey });
});

test('a record of a log opens with its key', async (t) => {
  const { dataKey, record, plain } = await seals();
  const opened = createLogSeal([dataKey]).open(Buffer.from(record, 'base64'));
  t.deepEqual(opened, Buffer.from(plain, 'base64'));
});

test('keys and tokens are spelled as Swarm spells them', async (t) => {
  const { unlockKey, unlockKeyHex, token } = await seals();
  t.is(parseUnlockKey(unlockKey).toString('hex'), unlockKeyHex);
  const { authorityPem } = requireOpen(await load(t, 'member-v2-open.json'));
  const digest = authorityDigest(authorityPem);
  t.is(formatJoinToken({ digest, secret: '0abcdefghijklmnopqrstuvwx' }), token);
  t.is(parseJoinToken(token).digest, digest);
});

const CLUSTER = 'cluster000000000000000000' as ClusterId;
const NODE = 'node000000000000000000000' as NodeId;
const AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

/** What of a certificate others look at. */
function fieldsOf(pem: string): object {
  const found = new x509.X509Certificate(pem);
  const constraints = found.getExtension(x509.BasicConstraintsExtension);
  const names = found.getExtension(x509.SubjectAlternativeNameExtension);
  const usages = found.getExtension(x509.ExtendedKeyUsageExtension)?.usages;
  return {
    subject: found.subject,
    issuer: found.issuer,
    notBefore: found.notBefore.toISOString(),
    notAfter: found.notAfter.toISOString(),
    signature: found.signatureAlgorithm,
    isAuthority: constraints?.ca,
    pathLength: constraints?.pathLength,
    keyUsages: found.getExtension(x509.KeyUsagesExtension)?.usages,
    extendedKeyUsages: usages === undefined ? undefined : [...usages],
    names: names?.names.items.map(({ type, value }) => `${type}:${value}`),
    critical: [...found.extensions].flatMap(({ critical, type }) => (critical ? [type] : [])),
    // RFC 5280, 4.1.2.2: positive, 20 octets at most; 64 random bits at least.
    isSerialSane: /^([0-9A-F]{2}){8,20}$/.test(new X509Certificate(pem).serialNumber),
  };
}

const ECDSA = { name: 'ECDSA', hash: { name: 'SHA-256' } };
const SERVER = '1.3.6.1.5.5.7.3.1';
const CLIENT = '1.3.6.1.5.5.7.3.2';

test("a root's fields", async (t) => {
  const { certificatePem } = await createAuthority(CLUSTER, AT_MS);
  t.deepEqual(fieldsOf(certificatePem), {
    subject: `O=${CLUSTER}, CN=swarm-ca`,
    issuer: `O=${CLUSTER}, CN=swarm-ca`,
    notBefore: '2026-01-02T02:04:05.000Z',
    notAfter: '2045-12-28T03:04:05.000Z',
    signature: ECDSA,
    isAuthority: true,
    pathLength: 1,
    keyUsages: x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
    extendedKeyUsages: undefined,
    names: undefined,
    critical: ['2.5.29.19', '2.5.29.15'],
    isSerialSane: true,
  });
});

for (const { role, usages } of [
  { role: 'worker', usages: [CLIENT] },
  { role: 'manager', usages: [SERVER, CLIENT] },
] as const) {
  test(`fields of a ${role}'s certificate`, async (t) => {
    const { requestPem } = await createNodeKey();
    const pem = await issueCertificate(await createAuthority(CLUSTER, AT_MS), {
      subject: { clusterId: CLUSTER, nodeId: NODE, role },
      requestPem,
      nowMs: AT_MS,
      validityMs: 90 * 86_400_000,
    });
    t.deepEqual(fieldsOf(pem), {
      subject: `O=${CLUSTER}, OU=swarm-${role}, CN=${NODE}`,
      issuer: `O=${CLUSTER}, CN=swarm-ca`,
      notBefore: '2026-01-02T02:04:05.000Z',
      notAfter: '2026-04-02T03:04:05.000Z',
      signature: ECDSA,
      isAuthority: false,
      pathLength: undefined,
      keyUsages: x509.KeyUsageFlags.digitalSignature,
      extendedKeyUsages: usages,
      names: [`dns:swarm-${role}`, `dns:${NODE}`],
      critical: ['2.5.29.19', '2.5.29.15'],
      isSerialSane: true,
    });
  });
}
