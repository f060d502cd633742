/** Managers' ends of links on loopback, with certificates of an authority of the test. */
import type { TLSSocket } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { SILENT_LOGGER, SeededRng } from '../../../../src/base/index.ts';
import {
  PeerLinks,
  type LinkLimits,
  type PeerWireHandler,
} from '../../../../src/cluster/consensus/index.ts';
import {
  createAuthority,
  createNodeKey,
  issueCertificate,
  type Authority,
  type Identity,
  type NodeRole,
} from '../../../../src/cluster/identity/index.ts';
import { ClusterServer, type HostPort } from '../../../../src/cluster/transport/index.ts';
import type { ClusterId, NodeId } from '../../../../src/model/index.ts';
import type { Message, PeerId, SnapshotRequest } from '../../../../src/raft/index.ts';

const CLUSTER = 'cluster1' as ClusterId;

/** What a peer's links told it. */
export class Ear implements PeerWireHandler {
  readonly messages: Message[] = [];
  readonly snapshots: { readonly request: SnapshotRequest; readonly state: Buffer }[] = [];
  readonly unreachable: PeerId[] = [];
  settled = 0;

  receive(message: Message): void {
    this.messages.push(message);
  }

  settle(): void {
    this.settled += 1;
  }

  receiveSnapshot(request: SnapshotRequest, state: Buffer): void {
    this.snapshots.push({ request, state });
  }

  reportUnreachable(peer: PeerId): void {
    this.unreachable.push(peer);
  }
}

export interface End {
  readonly id: PeerId;
  readonly identity: Identity;
  readonly links: PeerLinks;
  readonly ear: Ear;
  /** TLS connections that were ever made to it. */
  readonly accepted: TLSSocket[];
  stop(): Promise<void>;
}

export class TlsLab {
  readonly addresses = new Map<PeerId, HostPort>();
  readonly removed = new Set<PeerId>();
  private readonly authority: Authority;
  private readonly t: ExecutionContext;

  private constructor(t: ExecutionContext, authority: Authority) {
    this.t = t;
    this.authority = authority;
  }

  static async create(t: ExecutionContext): Promise<TlsLab> {
    return new TlsLab(t, await createAuthority(CLUSTER, Date.now()));
  }

  async identity(nodeId: string, role: NodeRole = 'manager'): Promise<Identity> {
    const { keyPem, requestPem } = await createNodeKey();
    const subject = { clusterId: CLUSTER, nodeId: nodeId as NodeId, role };
    const times = { nowMs: Date.now(), validityMs: 3_600_000 };
    const certificatePem = await issueCertificate(this.authority, {
      subject,
      requestPem,
      ...times,
    });
    const authorityPem = this.authority.certificatePem;
    return { ...subject, keyPem, certificatePem, authorityPem };
  }

  /** Listens, and puts its address where all find it. */
  async end(id: PeerId, limits: Partial<LinkLimits> = {}): Promise<End> {
    const end = await this.door(id, limits);
    end.links.start(end.ear);
    return end;
  }

  /** The same, before anybody hears what its links bring. */
  async door(id: PeerId, limits: Partial<LinkLimits> = {}): Promise<End> {
    const identity = await this.identity(id.slice(0, id.indexOf(':')));
    const links = this.links(id, identity, limits);
    const ear = new Ear();
    const accepted: TLSSocket[] = [];
    const server = await listen(identity, (socket, nodeId) => {
      accepted.push(socket);
      links.accept(socket, nodeId);
    });
    this.addresses.set(id, { host: '127.0.0.1', port: server.port });
    const stop = async (): Promise<void> => {
      links.close();
      await server.close();
    };
    this.t.teardown(stop);
    return { id, identity, links, ear, accepted, stop };
  }

  links(self: PeerId, identity: Identity, limits: Partial<LinkLimits> = {}): PeerLinks {
    return new PeerLinks({
      self,
      identity: () => identity,
      addressOf: (peer) => this.addresses.get(peer),
      maySpeak: (peer) => !this.removed.has(peer),
      rng: new SeededRng(1),
      logger: SILENT_LOGGER,
      limits: { reconnectMinMs: 1, reconnectMaxMs: 10, ...limits },
    });
  }
}

/** A manager's door at which only links are let in. */
async function listen(
  identity: Identity,
  link: (socket: TLSSocket, nodeId: string) => void,
): Promise<ClusterServer> {
  return ClusterServer.listen({
    identity,
    listen: { host: '127.0.0.1', port: 0 },
    routes: {
      authority: () => ({}),
      join: async () => ({}),
      takePart: async () => ({}),
      renew: async () => ({}),
      session: (stream) => stream.close(),
      isSuperseded: () => false,
      logs: () => false,
    },
    logger: SILENT_LOGGER,
    bodyBytesMax: 1024,
    wallMs: () => Date.now(),
    link,
  });
}
