import { randomBelow, type Rng } from '../../../src/base/index.ts';
import { decodeMessage, encodeMessage, type PeerId } from '../../../src/raft/index.ts';
import type { EventQueue } from './event-queue.ts';
import type { Parcel } from './sim-peer.ts';
import type { Weather } from './weather.ts';

/** Loses, repeats, delays and reorders parcels, and cuts links. */
export class SimNetwork {
  private readonly cuts = new Set<string>();
  private readonly options: {
    readonly queue: EventQueue;
    readonly rng: Rng;
    readonly weather: Weather;
    readonly deliver: (parcel: Parcel) => void;
    /** What became of a snapshot, for its sender. */
    readonly report: (parcel: Parcel, result: 'delivered' | 'failed') => void;
  };
  isCalm = false;

  constructor(options: SimNetwork['options']) {
    this.options = options;
  }

  send(parcel: Parcel): void {
    const { weather, queue, report } = this.options;
    const copies = this.happens(weather.duplicateRate) ? 2 : 1;
    const isLost = this.isCut(parcel) || this.happens(weather.dropRate);
    const delay = this.delay();
    if (parcel.state !== undefined)
      queue.after(delay + 5, () => report(parcel, isLost ? 'failed' : 'delivered'));
    if (isLost) return;
    const bytes = encodeMessage(parcel.message);
    for (let copy = 0; copy < copies; copy += 1)
      this.carry({ ...parcel, message: decodeMessage(bytes) }, delay);
  }

  /** Splits the peers in two; one way, the second half still hears the first. */
  partition(ids: readonly PeerId[]): void {
    const { rng, weather } = this.options;
    this.cuts.clear();
    const side = new Map(ids.map((id) => [id, randomBelow(rng, 2)]));
    for (const from of ids)
      for (const to of ids) {
        if (side.get(from) === side.get(to)) continue;
        if (weather.isPartitionOneWay && side.get(from) === 0) continue;
        this.cuts.add(`${from}>${to}`);
      }
  }

  heal(): void {
    this.cuts.clear();
  }

  private carry(parcel: Parcel, delay: number): void {
    this.options.queue.after(delay, () => {
      if (!this.isCut(parcel)) this.options.deliver(parcel);
    });
  }

  private delay(): number {
    const { rng, weather } = this.options;
    if (this.isCalm) return 1;
    const max = this.happens(weather.straggleRate) ? weather.straggleMax : weather.delayMax;
    return 1 + randomBelow(rng, max);
  }

  private happens(rate: number): boolean {
    return !this.isCalm && rate > 0 && randomBelow(this.options.rng, 1000) < rate;
  }

  private isCut({ message }: Parcel): boolean {
    return this.cuts.has(`${message.from}>${message.to}`);
  }
}
