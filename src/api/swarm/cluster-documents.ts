/** The cluster as Docker shows it: `GET /swarm`, and the Swarm part of `GET /info`. */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { authorityDigest } from '../../cluster/index.ts';
import type { Cluster, Node } from '../../model/index.ts';
import type { Backend } from '../backend.ts';
import { clusterOf, metaDocument } from './access.ts';

export interface TlsDocument {
  readonly TrustRoot: string;
  /** DER, base64. */
  readonly CertIssuerSubject: string;
  readonly CertIssuerPublicKey: string;
}

const rootDocuments = new Map<string, TlsDocument>();
/** Roots that are remembered as documents: the present one, the next one, and some that were. */
const ROOTS_MAX = 16;

/** What a root's certificate says of itself. */
function rootDocument(pem: string): TlsDocument {
  const known = rootDocuments.get(pem);
  if (known) return known;
  const certificate = new x509.X509Certificate(pem);
  const document = {
    TrustRoot: pem,
    CertIssuerSubject: Buffer.from(certificate.subjectName.toArrayBuffer()).toString('base64'),
    CertIssuerPublicKey: Buffer.from(certificate.publicKey.rawData).toString('base64'),
  };
  if (rootDocuments.size >= ROOTS_MAX) rootDocuments.clear();
  rootDocuments.set(pem, document);
  return document;
}

/**
 * Root and issuer as they are to be: during a rotation the issuer is the next root already. The
 * docker CLI follows a rotation by counting the nodes that say the same.
 */
export function tlsDocument(cluster: Cluster): TlsDocument {
  const { caCertificatePem: present, caRotation: next } = cluster;
  return { ...rootDocument(next?.certificatePem ?? present), TrustRoot: present };
}

/** What a node says of its certificate and its trust. Roots that the cluster forgot are unnamed. */
export function nodeTlsDocument(node: Node, cluster: Cluster): TlsDocument {
  const { tls } = node.description;
  if (tls === undefined) return tlsDocument(cluster);
  const { caCertificatePem: present, caRotation: next } = cluster;
  const presentDigest = authorityDigest(present);
  const pemOf = (digest: string): string => {
    if (digest === presentDigest) return present;
    return digest === next?.digest ? next.certificatePem : '';
  };
  const issuer = pemOf(tls.issuer);
  const unknown = { CertIssuerSubject: '', CertIssuerPublicKey: '' };
  return {
    ...(issuer === '' ? unknown : rootDocument(issuer)),
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

/** The `Swarm` field of `GET /info`. */
export function swarmInfoDocument(backend: Backend): object {
  const status = backend.member.status();
  const { manager } = backend.member;
  const base = {
    NodeID: status.nodeId ?? '',
    NodeAddr: hostOf(status.advertiseAddress ?? ''),
    LocalNodeState: status.state,
    ControlAvailable: manager !== undefined,
    Error: status.error ?? '',
    RemoteManagers: remoteManagers(backend),
  };
  if (!manager) return base;
  const nodes = [...manager.store.nodes.values()];
  return {
    ...base,
    Nodes: nodes.length,
    Managers: nodes.filter((node) => node.spec.Role === 'manager').length,
    Cluster: clusterDocument(clusterOf(manager)),
  };
}

function remoteManagers(backend: Backend): readonly object[] | null {
  const { managers } = backend.member.status();
  if (managers.length === 0) return null;
  const store = backend.member.manager?.store;
  const nodes = store ? [...store.nodes.values()] : [];
  return managers.map((address) => ({
    NodeID: nodes.find((node) => node.managerAddress === address)?.id ?? '',
    Addr: address,
  }));
}

/** `192.0.2.1:2377` -> `192.0.2.1`; brackets of IPv6 go. */
function hostOf(address: string): string {
  const bracketed = /^\[(.+)\](?::[0-9]+)?$/.exec(address);
  return bracketed?.[1] ?? address.replace(/^([^:]*):[0-9]+$/, '$1');
}
