/** The cluster as Docker shows it: `GET /swarm`, and the Swarm part of `GET /info`. */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { Cluster } from '../../model/index.ts';
import type { Backend } from '../backend.ts';
import { clusterOf, metaDocument } from './access.ts';

export interface TlsDocument {
  readonly TrustRoot: string;
  /** DER, base64. */
  readonly CertIssuerSubject: string;
  readonly CertIssuerPublicKey: string;
}

const tlsDocuments = new WeakMap<Cluster, TlsDocument>();

/** What the CA's certificate says of itself. Parsed once per version of the cluster object. */
export function tlsDocument(cluster: Cluster): TlsDocument {
  const known = tlsDocuments.get(cluster);
  if (known) return known;
  const certificate = new x509.X509Certificate(cluster.caCertificatePem);
  const document = {
    TrustRoot: cluster.caCertificatePem,
    CertIssuerSubject: Buffer.from(certificate.subjectName.toArrayBuffer()).toString('base64'),
    CertIssuerPublicKey: Buffer.from(certificate.publicKey.rawData).toString('base64'),
  };
  tlsDocuments.set(cluster, document);
  return document;
}

export function clusterDocument(cluster: Cluster): object {
  return {
    ...metaDocument(cluster),
    Spec: cluster.spec,
    TLSInfo: tlsDocument(cluster),
    RootRotationInProgress: false,
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
