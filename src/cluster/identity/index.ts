/**
 * cluster/identity: who a node is. The cluster's authority, node certificates, join tokens, and the
 * file that keeps them.
 *
 * Decides nothing about who may join; it makes and checks the proofs. Start with `token.ts`.
 */
export {
  ROLE_UNIT,
  createAuthority,
  createNodeKey,
  issueCertificate,
  renewalDueMs,
  validityMs,
  type Authority,
  type CertificateSubject,
  type NodeRole,
} from './certificates.ts';
export {
  authorityDigest,
  createJoinSecret,
  formatJoinToken,
  isSameSecret,
  parseJoinToken,
  type JoinToken,
} from './token.ts';
export {
  loadMembership,
  removeMembership,
  saveMembership,
  type Identity,
  type Membership,
} from './identity-file.ts';
