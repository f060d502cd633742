/**
 * Snapshots of one peer: taken when they are due, brought to followers that lack what is forgotten,
 * and kept from their arrival until the core has them written.
 */
import { assert, messageOf, type Logger } from '../../../base/index.ts';
import type { LogIndex, Raft, SnapshotRequest, Write } from '../../../raft/index.ts';
import type { Applier } from './applier.ts';
import type { DriverLimits } from '../options.ts';
import type { ConsensusStorage, Pace, PeerWire, SnapshotPolicy, StateMachine } from '../ports.ts';
import { encodeState } from './snapshot-state.ts';

export interface SnapshotsOptions<Outcome> {
  readonly raft: Raft;
  readonly storage: ConsensusStorage;
  readonly machine: StateMachine<Outcome>;
  readonly applier: Applier<Outcome>;
  readonly wire: PeerWire;
  readonly policy: () => SnapshotPolicy;
  readonly limits: DriverLimits;
  readonly pace: Pace;
  readonly logger: Logger;
  /** Something was told to the core. */
  readonly onChange: () => void;
}

interface Received {
  readonly request: SnapshotRequest;
  readonly state: Buffer;
}

export class Snapshots<Outcome> {
  private readonly options: SnapshotsOptions<Outcome>;
  private saving: Promise<void> | undefined;
  private lastTried: LogIndex;
  private received: Received | undefined;
  private isClosed = false;

  constructor(options: SnapshotsOptions<Outcome>) {
    this.options = options;
    this.lastTried = options.storage.log.snapshot.index;
  }

  /** Takes one if it is due. Precondition: the state machine is at `raft.applied`. */
  maybeTake(): void {
    const { raft, applier, policy, limits } = this.options;
    if (this.saving !== undefined || this.isClosed) return;
    const { intervalEntries, ...keep } = policy();
    const entries = raft.applied - this.lastTried;
    const isDue = entries >= intervalEntries || applier.bytesSinceSaved >= limits.snapshotBytes;
    if (!isDue || entries <= 0) return;
    this.saving = this.take(keep).finally(() => {
      this.saving = undefined;
    });
  }

  /** Answers a `snapshot.request` of the core. */
  send(request: SnapshotRequest): void {
    void this.trySend(request).then((isDelivered) => {
      if (this.isClosed) return;
      const result = isDelivered ? 'delivered' : 'failed';
      this.options.raft.reportSnapshot(request.to, result);
      this.options.onChange();
    });
  }

  /** Another one that comes before the first is on its way to the disk is dropped, as if lost. */
  receive(request: SnapshotRequest, state: Buffer): void {
    if (this.received !== undefined) return;
    this.received = { request, state };
    this.options.raft.step(request);
    this.options.onChange();
  }

  /** The bytes that belong to a write; what no write asks for is forgotten. */
  takeReceived({ snapshot }: Write): Buffer | undefined {
    const { received } = this;
    this.received = undefined;
    if (snapshot === undefined) return undefined;
    const isSame =
      received?.request.snapshot.index === snapshot.index &&
      received.request.snapshot.term === snapshot.term;
    assert(isSame, 'a snapshot that is to be installed has arrived', snapshot);
    return received.state;
  }

  /** A snapshot from elsewhere is in place of everything. */
  noteInstalled(index: LogIndex): void {
    this.lastTried = index;
  }

  /** Resolves when none is being saved. */
  async idle(): Promise<void> {
    await this.saving;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.idle();
  }

  private async take(keep: Omit<SnapshotPolicy, 'intervalEntries'>): Promise<void> {
    const { raft, storage, machine, applier, logger } = this.options;
    const index = raft.applied;
    const term = storage.log.term(index);
    assert(term !== undefined, 'an applied entry is in the log', { index });
    const meta = { index, term, membership: raft.membershipAt(index) };
    const sessions = applier.sessions.snapshot();
    const pieces = machine.snapshot();
    this.lastTried = index;
    applier.noteSaved();
    try {
      await storage.saveSnapshot(meta, await encodeState(sessions, pieces, this.pauses()), keep);
    } catch (error) {
      // The log still holds everything; the next attempt comes with the next interval.
      logger.warn({ index, error: messageOf(error) }, 'a snapshot could not be written');
    }
  }

  /** Gives the event loop back when it was held for a slice of time. */
  private pauses(): () => Promise<void> {
    const { pace, limits } = this.options;
    let sinceMs = pace.monotonicMs();
    return async () => {
      if (pace.monotonicMs() - sinceMs < limits.applySliceMs) return;
      await new Promise<void>((resolve) => pace.soon(resolve));
      sinceMs = pace.monotonicMs();
    };
  }

  private async trySend(request: SnapshotRequest): Promise<boolean> {
    const { storage, wire, logger } = this.options;
    try {
      const newest = await storage.newestSnapshot();
      if (newest === undefined || this.isClosed) return false;
      return await wire.sendSnapshot({ ...request, snapshot: newest.meta }, newest.state);
    } catch (error) {
      const fields = { peer: request.to, error: messageOf(error) };
      logger.warn(fields, 'a snapshot could not be read for another manager');
      return false;
    }
  }
}
