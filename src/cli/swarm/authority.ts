/** `hawser swarm ca`: shows the root, rotates it, and waits until every node has moved. */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { usageError } from '../errors.ts';
import {
  addAuthorityFlags,
  readCertificate,
  readPem,
  withAuthority,
  type AuthorityFlags,
  type SpecDocument,
} from './settings.ts';
import { sendUpdate, type SwarmDocument } from './swarm-document.ts';

interface TlsInfo {
  readonly TrustRoot: string;
  readonly CertIssuerSubject: string;
  readonly CertIssuerPublicKey: string;
}

interface NodeDocument {
  readonly Description: { readonly TLSInfo: TlsInfo };
}

type AuthorityDocument = SwarmDocument & {
  readonly TLSInfo: TlsInfo;
  readonly RootRotationInProgress: boolean;
};

interface CaFlags extends AuthorityFlags {
  readonly rotate?: boolean;
  readonly caCert?: string;
  readonly caKey?: string;
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

const POLL_MS = 200;

export function caCommand(context: CliContext): Command {
  const command = new Command('ca')
    .description('show the root certificate, or rotate it')
    .option('--rotate', 'move all nodes to another root; without --ca-cert to a new one')
    .option('--ca-cert <file>', 'certificate of the root to move to, PEM')
    .option('--ca-key <file>', 'its key, PEM')
    .option('-d, --detach', 'do not wait until all nodes have moved')
    .option('-q, --quiet', 'say nothing meanwhile');
  return addAuthorityFlags(command).action((flags: CaFlags) => authority(context, flags));
}

async function authority(context: CliContext, flags: CaFlags): Promise<void> {
  requireConsistent(flags);
  const swarm = await context.get<AuthorityDocument>('/swarm');
  if (flags.rotate !== true) return context.print(swarm.TLSInfo.TrustRoot.trim());
  await sendUpdate(context, swarm, { spec: rotatedSpec(swarm.Spec, flags) });
  if (flags.detach === true) return;
  await waitUntilMoved(context, flags);
  const { TLSInfo } = await context.get<AuthorityDocument>('/swarm');
  context.print(TLSInfo.TrustRoot.trim());
}

function requireConsistent(flags: CaFlags): void {
  const { rotate, caCert, caKey, certExpiry, externalCa } = flags;
  const hasExternal = externalCa.length > 0;
  const isGiven = [caCert, caKey, certExpiry].some((flag) => flag !== undefined) || hasExternal;
  if (rotate !== true && isGiven)
    throw usageError('swarm ca', 'these flags change the authority only together with --rotate');
  if (hasExternal && caCert === undefined)
    throw usageError(
      '--external-ca',
      'rotating to an external CA needs its certificate as --ca-cert; to add a signer for the ' +
        'present root use "swarm update"',
    );
  if (caCert !== undefined && caKey === undefined && !hasExternal)
    throw usageError('--ca-cert', 'it needs --ca-key, --external-ca, or both');
}

function rotatedSpec(spec: SpecDocument, flags: CaFlags): SpecDocument {
  const { caCert, caKey } = flags;
  const certificate = caCert === undefined ? undefined : readCertificate('--ca-cert', caCert);
  const key = caKey === undefined ? undefined : readPem('--ca-key', caKey);
  const changed = withAuthority(spec, flags, certificate);
  const ForceRotate = (spec.CAConfig?.ForceRotate ?? 0) + 1;
  return {
    ...changed,
    CAConfig: {
      ...changed.CAConfig,
      ...(certificate === undefined && key === undefined && { ForceRotate }),
      ...(certificate !== undefined && { SigningCACert: certificate }),
      ...(key !== undefined && { SigningCAKey: key }),
    },
  };
}

/** Until every node has a certificate of the root and trusts it alone. */
async function waitUntilMoved(context: CliContext, flags: CaFlags): Promise<void> {
  let shown = '';
  for (;;) {
    const swarm = await context.get<AuthorityDocument>('/swarm');
    const nodes = await context.get<NodeDocument[]>('/nodes');
    const { certificates, roots } = countMoved(swarm, nodes);
    const digest = createHash('sha256').update(swarm.TLSInfo.TrustRoot).digest('hex');
    const line =
      `rotated TLS certificates: ${certificates}/${nodes.length} nodes, rotated CA ` +
      `certificates: ${roots}/${nodes.length} nodes (root sha256:${digest})`;
    if (line !== shown && flags.quiet !== true) context.note(line);
    shown = line;
    if (certificates === nodes.length && roots === nodes.length) return;
    await delay(POLL_MS);
  }
}

function countMoved(
  swarm: AuthorityDocument,
  nodes: readonly NodeDocument[],
): { readonly certificates: number; readonly roots: number } {
  const { TrustRoot, CertIssuerPublicKey, CertIssuerSubject } = swarm.TLSInfo;
  const tls = nodes.map((node) => node.Description.TLSInfo);
  const certificates = tls.filter(
    (each) =>
      each.CertIssuerPublicKey === CertIssuerPublicKey &&
      each.CertIssuerSubject === CertIssuerSubject,
  ).length;
  // While the rotation goes on, nobody can have put the old root away.
  if (swarm.RootRotationInProgress || certificates < nodes.length)
    return { certificates, roots: 0 };
  return { certificates, roots: tls.filter((each) => each.TrustRoot === TrustRoot).length };
}
