/**
 * cluster/identity: who a node is. The cluster's authority and its rotation, node certificates,
 * join tokens, the keys that seal a manager's secrets, and the file that keeps them.
 *
 * Decides nothing about who may join; it makes and checks the proofs. Start with `token.ts`, then
 * `authority/signer.ts` (who signs) and `authority/change.ts` (how the authority changes).
 */
export { createAuthority, type Authority } from './authority/root.ts';
export { firstAuthority } from './authority/change.ts';
export { certify } from './authority/signer.ts';
export { type SignerAccess } from './authority/external.ts';
export { CertificateKeeper, type KeptParts } from './certificate-keeper.ts';
export {
  ROLE_UNIT,
  certificateRole,
  createNodeKey,
  issueCertificate,
  renewalDueMs,
  subjectOf,
  type CertificateSubject,
  type NodeRole,
} from './certificates.ts';
export {
  planClusterUpdate,
  withoutRoot,
  type ClusterUpdate,
  type ClusterUpdateRequest,
} from './cluster-update.ts';
export { describeTls, isSameCertificate, leafDigest, rootsOf, type TrustedRoots } from './trust.ts';
export {
  createDataKey,
  createLogSeal,
  createUnlockKey,
  parseUnlockKey,
  type RekeyableSeal,
} from './sealing.ts';
export {
  authorityDigest,
  createJoinSecret,
  formatJoinToken,
  isSameSecret,
  parseJoinToken,
  type JoinToken,
} from './token.ts';
export {
  isLocked,
  loadMembership,
  removeMembership,
  saveMembership,
  unlockMembership,
  withUnlockKey,
  type Identity,
  type LockedMembership,
  type Membership,
} from './identity-file.ts';
