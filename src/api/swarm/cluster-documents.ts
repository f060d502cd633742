/** The cluster as Docker shows it: `GET /swarm`, and the Swarm part of `GET /info`. */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { authorityDigest } from '../../cluster/index.ts';
import type { Cluster, Node } from '../../model/index.ts';
import type { Backend } from '../backend.ts';
import { metaDocument } from './access.ts';

export interface TlsDocument {
  readonly TrustRoot: string;
  /** DER, base64. */
  readonly CertIssuerSubject: string;
  readonly CertIssuerPublicKey: string;
}

interface Root {
  readonly digest: string;
  readonly document: TlsDocument;
}

const roots = new Map<string, Root>();
/** Roots that are remembered as documents: the present one, the next one, and some that were. */
const ROOTS_MAX = 16;

/** What a root's certificate says of itself. Parsed once: lists of nodes ask for it for each. */
function rootOf(pem: string): Root {
  const known = roots.get(pem);
  if (known) return known;
  const certificate = new x509.X509Certificate(pem);
  const document = {
    TrustRoot: pem,
    CertIssuerSubject: Buffer.from(certificate.subjectName.toArrayBuffer()).toString('base64'),
    CertIssuerPublicKey: Buffer.from(certificate.publicKey.rawData).toString('base64'),
  };
  if (roots.size >= ROOTS_MAX) roots.clear();
  const root = { digest: authorityDigest(pem), document };
  roots.set(pem, root);
  return root;
}

/**
 * Root and issuer as they are to be: during a rotation the issuer is the next root already. The
 * docker CLI follows a rotation by counting the nodes that say the same.
 */
export function tlsDocument(cluster: Cluster): TlsDocument {
  const { caCertificatePem: present, caRotation: next } = cluster;
  return { ...rootOf(next?.certificatePem ?? present).document, TrustRoot: present };
}

/** What a node says of its certificate and its trust. Roots that the cluster forgot are unnamed. */
export function nodeTlsDocument(node: Node, cluster: Cluster): TlsDocument {
  const { tls } = node.description;
  if (tls === undefined) return tlsDocument(cluster);
  const { caCertificatePem: present, caRotation: next } = cluster;
  const { digest: presentDigest } = rootOf(present);
  const pemOf = (digest: string): string => {
    if (digest === presentDigest) return present;
    return digest === next?.digest ? next.certificatePem : '';
  };
  const issuer = pemOf(tls.issuer);
  const unknown = { CertIssuerSubject: '', CertIssuerPublicKey: '' };
  return {
    ...(issuer === '' ? unknown : rootOf(issuer).document),
    TrustRoot: tls.trust.map(pemOf).join(''),
  };
}

export function clusterDocument(cluster: Cluster): object {
  return {
    ...metaDocument(cluster),
    Spec: cluster.spec,
    TLSInfo: tlsDocument(cluster),
    RootRotationInProgress: cluster.caRotation !== undefined,
    DefaultAddrPool: cluster.addressPools,
    SubnetSize: cluster.subnetBits,
    DataPathPort: cluster.dataPathPort,
  };
}

const NO_LEADER =
  "The swarm does not have a leader. It's possible that too few managers are online. Make sure " +
  'more than half of the managers are online.';

/**
 * The `Swarm` field of `GET /info`: what this node knows without asking the others, so it answers
 * without a leader too, and then says so.
 */
export function swarmInfoDocument(backend: Backend): object {
  const status = backend.member.status();
  const { manager } = backend.member;
  const managers = manager?.managers() ?? [];
  const hasLeader = manager === undefined || managers.some(({ isLeader }) => isLeader);
  const base = {
    NodeID: status.nodeId ?? '',
    NodeAddr: hostOf(status.advertiseAddress ?? ''),
    LocalNodeState: status.state,
    ControlAvailable: manager !== undefined && status.state !== 'error',
    Error: status.error ?? (hasLeader ? '' : NO_LEADER),
    RemoteManagers: remoteManagers(backend),
  };
  if (!manager?.store.cluster) return base;
  return {
    ...base,
    Nodes: manager.store.nodes.size,
    Managers: managers.length,
    Cluster: clusterDocument(manager.store.cluster),
  };
}

/** A worker knows where managers are, and not who. */
function remoteManagers({ member }: Backend): readonly object[] | null {
  const managers = member.manager?.managers().map(({ nodeId, address }) => [nodeId, address]);
  const known = managers ?? member.status().managers.map((address) => ['', address]);
  return known.length === 0 ? null : known.map(([NodeID, Addr]) => ({ NodeID, Addr }));
}

/** `192.0.2.1:2377` -> `192.0.2.1`; brackets of IPv6 go. */
function hostOf(address: string): string {
  const bracketed = /^\[(.+)\](?::[0-9]+)?$/.exec(address);
  return bracketed?.[1] ?? address.replace(/^([^:]*):[0-9]+$/, '$1');
}
