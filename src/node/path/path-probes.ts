/**
 * Probes the paths to the other nodes and answers theirs: sockets and time for `PathProber`.
 *
 * The sockets are made anew from time to time, because the namespace that they are in may have
 * been, too. A node whose own end does not come about says why, and tries again.
 */
import { createSocket, type Socket } from 'node:dgram';
import { messageOf, type Clock, type Logger, type Rng } from '../../base/index.ts';
import {
  encodeEcho,
  encodeProbe,
  pathAddress,
  PathProber,
  tryDecodePath,
  type Moment,
  type PathReport,
} from '../../dataplane/index.ts';
import type { NodeId, NodePaths, NodeView, PeerRow } from '../../model/index.ts';
import { PathNews } from './path-news.ts';

export interface PathSocketFds {
  /** Its packets have a UDP checksum. */
  readonly summed: number;
  readonly bare: number;
}

export interface PathProbesOptions {
  /** Bound to the address, on `PROBE_PORT` and `BARE_PORT`, in the namespace of the probes. */
  readonly openSockets: (address: string) => PathSocketFds;
  /** Resolves when the namespace is as planned; rejects with what the kernel refuses. */
  readonly whenReady: () => Promise<void>;
  /** Called when what `describe` says has changed. */
  readonly onNews: () => void;
  readonly rng: Rng;
  readonly clock: Clock;
  readonly logger: Logger;
}

export const PROBE_PORT = 4780;
export const BARE_PORT = 4781;
const SOCKET_LIFE_MS = 110_000;
const RETRY_MS = 10_000;
/** A timer never runs ahead of itself by a fraction of a millisecond. */
const WAKE_MS_MIN = 5;

interface Sockets {
  readonly summed: Socket;
  readonly bare: Socket;
  readonly openedMs: number;
}

export class PathProbes {
  private readonly options: PathProbesOptions;
  private readonly prober: PathProber;
  private readonly news: PathNews;
  private peers = new Map<string, PeerRow>();
  private addresses = new Map<NodeId, string>();
  private self: PeerRow | undefined;
  private sockets: Sockets | undefined;
  private isOpening = false;
  private isClosed = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: PathProbesOptions) {
    this.options = options;
    this.prober = new PathProber(options.rng);
    this.news = new PathNews(options.logger);
  }

  /** Follows who is there. */
  update(view: NodeView | undefined): void {
    const self = view?.peers.get(view.selfId);
    if (self?.index !== this.self?.index) this.closeSockets();
    this.self = self;
    const others = [...(view?.peers.values() ?? [])].filter((peer) => peer.nodeId !== self?.nodeId);
    this.peers = new Map(others.map((peer) => [pathAddress(peer), peer]));
    this.addresses = new Map(others.map((peer) => [peer.nodeId, pathAddress(peer)]));
    const port = view?.settings.dataPathPort;
    if (view !== undefined) this.news.settings(view.settings);
    this.prober.setPeers(self === undefined ? [] : others, port, this.now());
    this.step();
  }

  get report(): PathReport {
    return this.prober.report();
  }

  /** For the node's description; absent while nothing is known. */
  describe(): NodePaths | undefined {
    return this.news.description;
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.closeSockets();
  }

  private now(): Moment {
    const { clock } = this.options;
    return { nowMs: clock.monotonicMs(), wallMs: clock.wallMs() };
  }

  private step(): void {
    clearTimeout(this.timer);
    if (this.isClosed || this.self === undefined || this.peers.size === 0) return;
    const at = this.now();
    const isStale = this.sockets === undefined || at.nowMs - this.sockets.openedMs > SOCKET_LIFE_MS;
    if (isStale && !this.prober.isBusy) {
      void this.open(this.self);
      return;
    }
    this.prober.tick(at);
    this.send();
    this.tell();
    this.wake(at.nowMs);
  }

  private wake(nowMs: number): void {
    const { wakeMs } = this.prober;
    const waitMs = wakeMs === undefined ? RETRY_MS : Math.max(WAKE_MS_MIN, wakeMs - nowMs);
    this.later(Math.min(waitMs, RETRY_MS));
  }

  private later(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.step(), ms);
    this.timer.unref();
  }

  private send(): void {
    for (const probe of this.prober.drain()) {
      const address = this.addresses.get(probe.to);
      const socket = probe.isSummed ? this.sockets?.summed : this.sockets?.bare;
      // What is too long for the first link is refused here: it is lost, as further on.
      if (address !== undefined)
        socket?.send(encodeProbe(probe), PROBE_PORT, address, () => undefined);
    }
  }

  private tell(): void {
    if (this.news.report(this.prober.report(), (nodeId) => this.addressOf(nodeId)))
      this.options.onNews();
  }

  private addressOf(nodeId: NodeId): string {
    return this.peers.get(this.addresses.get(nodeId) ?? '')?.vtep ?? nodeId;
  }

  private receive(message: Uint8Array, from: string): void {
    const peer = this.peers.get(from);
    const decoded = tryDecodePath(message);
    if (peer === undefined || decoded === undefined) return;
    if (decoded.kind === 'probe') {
      this.prober.heard(peer.nodeId);
      const echo = encodeEcho({ ...decoded, peerWallMs: this.options.clock.wallMs() });
      this.sockets?.bare.send(echo, BARE_PORT, from, () => undefined);
      return;
    }
    this.prober.answered(peer.nodeId, decoded, this.now());
    this.step();
  }

  private async open(self: PeerRow): Promise<void> {
    if (this.isOpening) return;
    this.isOpening = true;
    this.closeSockets();
    try {
      await this.options.whenReady();
      if (!this.isClosed) this.adopt(this.options.openSockets(pathAddress(self)));
      this.news.mended();
    } catch (error) {
      this.news.failed(messageOf(error));
    }
    this.isOpening = false;
    if (this.sockets !== undefined) this.step();
    else if (!this.isClosed) {
      this.tell();
      this.later(RETRY_MS);
    }
  }

  private adopt({ summed, bare }: PathSocketFds): void {
    this.sockets = {
      summed: this.socketOf(summed),
      bare: this.socketOf(bare),
      openedMs: this.now().nowMs,
    };
  }

  private socketOf(fd: number): Socket {
    const socket = createSocket('udp4');
    socket.on('message', (message, { address }) => this.receive(message, address));
    // Errors of single packets are what probes are for.
    socket.on('error', () => undefined);
    socket.bind({ fd, exclusive: true });
    socket.unref();
    return socket;
  }

  private closeSockets(): void {
    this.sockets?.summed.close();
    this.sockets?.bare.close();
    this.sockets = undefined;
  }
}
