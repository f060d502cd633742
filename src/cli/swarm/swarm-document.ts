/** The cluster as the API shows it, and how a changed spec is sent back. */
import type { CliContext } from '../context.ts';
import type { SpecDocument } from './settings.ts';

export interface SwarmDocument {
  readonly Version: { readonly Index: number };
  readonly Spec: SpecDocument;
  readonly TLSInfo: { readonly TrustRoot: string };
  readonly JoinTokens: { readonly Worker: string; readonly Manager: string };
}

export interface SwarmUpdate {
  readonly spec: SpecDocument;
  /** What is made anew with it. */
  readonly rotate?: 'rotateWorkerToken' | 'rotateManagerToken' | 'rotateManagerUnlockKey';
}

/** An update of the version that was read: somebody else's in between makes it fail. */
export async function sendUpdate(
  context: CliContext,
  read: SwarmDocument,
  { spec, rotate }: SwarmUpdate,
): Promise<void> {
  const query = { version: read.Version.Index, ...(rotate !== undefined && { [rotate]: true }) };
  await context.send({ method: 'POST', path: '/swarm/update', query, body: spec });
}
