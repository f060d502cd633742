/** Carries snapshots between managers in parts, each acknowledged before the next one leaves. */
import type { PeerId, SnapshotMeta, SnapshotRequest } from '../../../src/raft/index.ts';
import type { Address } from '../engine/network.ts';
import type { Packet, SnapshotChunk } from '../engine/protocol.ts';

export interface CourierHost {
  after(ms: number, act: () => void): void;
  sendTo(peer: PeerId, packet: Packet): void;
  reply(to: Address, packet: Packet): void;
  /** A transfer ended, for the core that asked for it. */
  ended(peer: PeerId, result: 'delivered' | 'failed'): void;
  /** All of a snapshot is here. */
  arrived(request: SnapshotRequest, state: string): void;
}

interface Outgoing {
  readonly peer: PeerId;
  readonly bytes: Buffer;
  readonly request: SnapshotRequest;
  readonly meta: SnapshotMeta;
  part: number;
  attempts: number;
}

interface Incoming {
  readonly transfer: number;
  readonly parts: Buffer[];
}

const PART_BYTES = 16_384;
const ANSWER_MS = 400;
const ATTEMPTS_MAX = 4;

export class Courier {
  private readonly host: CourierHost;
  private readonly outgoing = new Map<number, Outgoing>();
  private readonly incoming = new Map<Address, Incoming>();
  private transfers: number;

  /** Transfers of one life of a host are numbered from `first` on. */
  constructor(host: CourierHost, first: number) {
    this.host = host;
    this.transfers = first;
  }

  send(request: SnapshotRequest, meta: SnapshotMeta, state: string): void {
    this.transfers += 1;
    const bytes = Buffer.from(state);
    const outgoing = { peer: request.to, bytes, request, meta, part: 0, attempts: 0 };
    this.outgoing.set(this.transfers, outgoing);
    this.sendPart(this.transfers, outgoing);
  }

  acknowledged(transfer: number, part: number): void {
    const outgoing = this.outgoing.get(transfer);
    if (outgoing?.part !== part) return;
    outgoing.part += 1;
    outgoing.attempts = 0;
    if (outgoing.part < partsOf(outgoing)) this.sendPart(transfer, outgoing);
    else this.end(transfer, 'delivered');
  }

  take(from: Address, { transfer, part, parts, bytes, request, meta }: SnapshotChunk): void {
    let incoming = this.incoming.get(from);
    if (incoming === undefined || incoming.transfer < transfer) {
      incoming = { transfer, parts: [] };
      this.incoming.set(from, incoming);
    }
    if (incoming.transfer !== transfer || part > incoming.parts.length) return;
    const isNew = part === incoming.parts.length;
    if (isNew) incoming.parts.push(bytes);
    if (isNew && incoming.parts.length === parts)
      this.host.arrived({ ...request, snapshot: meta }, Buffer.concat(incoming.parts).toString());
    this.host.reply(from, { kind: 'chunk-ack', transfer, part });
  }

  private sendPart(transfer: number, outgoing: Outgoing): void {
    const { part, attempts, peer, bytes, request, meta } = outgoing;
    if (attempts === ATTEMPTS_MAX) {
      this.end(transfer, 'failed');
      return;
    }
    outgoing.attempts += 1;
    this.host.sendTo(peer, {
      kind: 'chunk',
      transfer,
      part,
      parts: partsOf(outgoing),
      bytes: bytes.subarray(part * PART_BYTES, (part + 1) * PART_BYTES),
      request,
      meta,
    });
    this.host.after(ANSWER_MS, () => {
      const isStuck = outgoing.part === part && outgoing.attempts === attempts + 1;
      if (isStuck && this.outgoing.get(transfer) === outgoing) this.sendPart(transfer, outgoing);
    });
  }

  private end(transfer: number, result: 'delivered' | 'failed'): void {
    const outgoing = this.outgoing.get(transfer);
    this.outgoing.delete(transfer);
    if (outgoing !== undefined) this.host.ended(outgoing.peer, result);
  }
}

function partsOf({ bytes }: Outgoing): number {
  return Math.max(1, Math.ceil(bytes.length / PART_BYTES));
}
