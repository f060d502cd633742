/** What a node does about its certificate: with a manager that is a function, and a clock. */
import test, { type ExecutionContext } from 'ava';
import { SILENT_LOGGER, SYSTEM_CLOCK, SeededRng } from '../../../src/base/index.ts';
import {
  CertificateKeeper,
  authorityDigest,
  createAuthority,
  createNodeKey,
  describeTls,
  issueCertificate,
  renewalDueMs,
  type Authority,
  type KeptParts,
} from '../../../src/cluster/identity/index.ts';
import type { ClusterId, NodeId } from '../../../src/model/index.ts';
import { until } from '../fixture.ts';

const SUBJECT = { clusterId: 'c' as ClusterId, nodeId: 'n' as NodeId, role: 'worker' } as const;
const HOUR_MS = 3_600_000;

class Stage {
  /** What happened, in order. */
  readonly seen: string[] = [];
  readonly keeper: CertificateKeeper;
  held: KeptParts;
  signer: Authority;
  nowMs = Date.now();
  /** Managers that are out of reach give no certificate. */
  isReachable = true;

  private constructor(root: Authority, held: KeptParts, checkMs: number) {
    this.signer = root;
    this.held = held;
    this.keeper = new CertificateKeeper({
      held: () => this.held,
      change: async (parts) => {
        const isTrust = parts.authorityPem !== this.held.authorityPem;
        this.seen.push(isTrust ? 'trust' : 'certificate');
        this.held = parts;
      },
      renew: async (requestPem) => {
        this.seen.push('renew');
        if (!this.isReachable) return undefined;
        return { certificatePem: await this.sign(requestPem) };
      },
      changed: () => this.seen.push('told'),
      clock: { ...SYSTEM_CLOCK, wallMs: () => this.nowMs },
      rng: new SeededRng(1),
      logger: SILENT_LOGGER,
      checkMs,
    });
  }

  static async start(t: ExecutionContext, checkMs = 5): Promise<Stage> {
    const root = await createAuthority(SUBJECT.clusterId, Date.now());
    const { keyPem, requestPem } = await createNodeKey();
    const held = { authorityPem: root.certificatePem, certificatePem: '', keyPem };
    const stage = new Stage(root, held, checkMs);
    stage.held = { ...held, certificatePem: await stage.sign(requestPem) };
    t.teardown(() => stage.keeper.stop());
    return stage;
  }

  private async sign(requestPem: string): Promise<string> {
    const life = { nowMs: this.nowMs, validityMs: HOUR_MS };
    return issueCertificate(this.signer, { subject: SUBJECT, requestPem, ...life });
  }
}

test('a certificate is renewed between half and six tenths of its life, always at the same time', async (t) => {
  const root = await createAuthority(SUBJECT.clusterId, Date.now());
  const nowMs = Date.UTC(2026, 5, 1);
  const due = new Set<number>();
  for (let each = 0; each < 20; each += 1) {
    const { requestPem } = await createNodeKey();
    const options = { subject: SUBJECT, requestPem, nowMs, validityMs: 10 * HOUR_MS };
    const pem = await issueCertificate(root, options);
    const dueMs = renewalDueMs(pem);
    t.true(dueMs >= nowMs + 5 * HOUR_MS && dueMs <= nowMs + 6 * HOUR_MS);
    t.is(renewalDueMs(pem), dueMs);
    due.add(dueMs);
  }
  t.true(due.size > 15);
});

test('nothing is done while all is as it must be', async (t) => {
  const stage = await Stage.start(t);
  stage.keeper.start();
  const issuer = authorityDigest(stage.signer.certificatePem);
  stage.keeper.follow({ authorityPem: stage.held.authorityPem, issuer });
  await stage.keeper.stop();
  t.deepEqual(stage.seen, []);
  t.is(stage.keeper.tls.issuer, issuer);
});

test('a certificate whose time has come is renewed once, and the managers are told', async (t) => {
  const stage = await Stage.start(t);
  const before = stage.held;
  stage.keeper.start();
  stage.nowMs = renewalDueMs(before.certificatePem);
  await until('the renewal', () => stage.seen.includes('told'));
  t.deepEqual(stage.seen, ['renew', 'certificate', 'told']);
  t.not(stage.held.keyPem, before.keyPem);
  t.is(stage.keeper.tls.leaf, describeTls(stage.held).leaf);
});

test('a new root is trusted first, and then the certificate is renewed', async (t) => {
  const stage = await Stage.start(t, 60_000);
  stage.keeper.start();
  const next = await createAuthority(SUBJECT.clusterId, Date.now());
  stage.signer = next;
  const issuer = authorityDigest(next.certificatePem);
  const both = `${stage.held.authorityPem}${next.certificatePem}`;
  stage.keeper.follow({ authorityPem: both, issuer });
  await until('the move', () => stage.keeper.tls.issuer === issuer);
  t.deepEqual(stage.seen, ['trust', 'told', 'renew', 'certificate', 'told']);
  stage.keeper.follow({ authorityPem: next.certificatePem, issuer });
  await until('the old root to go', () => stage.keeper.tls.trust.length === 1);
  t.deepEqual(stage.seen.slice(5), ['trust', 'told']);
  t.deepEqual(stage.keeper.tls.trust, [issuer]);
});

test('what cannot be had is tried again', async (t) => {
  const stage = await Stage.start(t);
  stage.isReachable = false;
  stage.nowMs = renewalDueMs(stage.held.certificatePem);
  const { certificatePem } = stage.held;
  stage.keeper.start();
  await until('three attempts', () => stage.seen.length >= 3);
  t.true(stage.seen.every((each) => each === 'renew'));
  t.is(stage.held.certificatePem, certificatePem);
  stage.isReachable = true;
  await until('the renewal', () => stage.held.certificatePem !== certificatePem);
});

test('a manager that signs with another root than it tells of is not asked in a hurry', async (t) => {
  const stage = await Stage.start(t, 50);
  const next = await createAuthority(SUBJECT.clusterId, Date.now());
  const issuer = authorityDigest(next.certificatePem);
  stage.keeper.follow({ authorityPem: stage.held.authorityPem, issuer });
  await until('two attempts', () => stage.seen.filter((each) => each === 'renew').length >= 2);
  await stage.keeper.stop();
  // Each attempt is a renewal that was told, and then a wait.
  t.deepEqual(stage.seen.slice(0, 3), ['renew', 'certificate', 'told']);
});

test('what is told last counts, also in the middle of a step', async (t) => {
  const stage = await Stage.start(t, 60_000);
  const roots = [];
  for (let each = 0; each < 3; each += 1)
    roots.push(await createAuthority(SUBJECT.clusterId, Date.now()));
  for (const root of roots) {
    stage.signer = root;
    const issuer = authorityDigest(root.certificatePem);
    stage.keeper.follow({ authorityPem: root.certificatePem, issuer });
    await Promise.resolve();
  }
  const last = authorityDigest(roots.at(-1)?.certificatePem ?? '');
  await until('the last root', () => stage.keeper.tls.issuer === last);
  t.deepEqual(stage.keeper.tls.trust, [last]);
});
