/**
 * Says, network by network, when the kernel holds what a view asks for.
 *
 * One wait for each network at a time: views that come meanwhile replace the plan, and what is
 * reached in the end is the newest.
 */
import {
  HOST_NAMESPACE,
  overlayNamespace,
  type NamespaceName,
  type Plan,
} from '../../dataplane/index.ts';
import type { NetworkId, NodeView, Revision } from '../../model/index.ts';

export interface AcknowledgementsOptions {
  /** Resolves when the namespaces hold what is planned; rejects when that takes too long. */
  readonly whenConverged: (namespaces: readonly NamespaceName[]) => Promise<void>;
  readonly acknowledge: (networkId: NetworkId, revision: Revision) => void;
}

/** A network, and how far its namespaces have come. */
interface Awaited {
  readonly networkId: NetworkId;
  revision: Revision;
  namespaces: readonly NamespaceName[];
  acknowledged: Revision | undefined;
  isWaiting: boolean;
}

export class Acknowledgements {
  private readonly options: AcknowledgementsOptions;
  private readonly networks = new Map<NetworkId, Awaited>();
  private isClosed = false;

  constructor(options: AcknowledgementsOptions) {
    this.options = options;
  }

  /** The kernel was asked for `plan`, which is that of `view`. */
  planned({ networks, revision }: NodeView, plan: Plan): void {
    for (const networkId of this.networks.keys())
      if (!networks.has(networkId)) this.networks.delete(networkId);
    for (const { networkId, isIngress } of networks.values()) {
      const own = overlayNamespace(networkId);
      const namespaces = isIngress ? [own, HOST_NAMESPACE] : [own];
      const awaited = this.awaited(networkId, revision);
      awaited.revision = revision;
      awaited.namespaces = namespaces.filter((name) => plan.has(name));
      if (!awaited.isWaiting) void this.follow(awaited);
    }
  }

  close(): void {
    this.isClosed = true;
  }

  private awaited(networkId: NetworkId, revision: Revision): Awaited {
    const known = this.networks.get(networkId);
    if (known !== undefined) return known;
    const fresh = { isWaiting: false, acknowledged: undefined, namespaces: [] };
    const made: Awaited = { networkId, revision, ...fresh };
    this.networks.set(networkId, made);
    return made;
  }

  private async follow(awaited: Awaited): Promise<void> {
    awaited.isWaiting = true;
    while (this.isDue(awaited)) {
      const names = awaited.namespaces.join();
      const isReached = await this.tryReach(awaited.namespaces);
      // Another plan may ask for more namespaces than were waited for.
      if (!isReached || !this.isDue(awaited) || awaited.namespaces.join() !== names) continue;
      awaited.acknowledged = awaited.revision;
      this.options.acknowledge(awaited.networkId, awaited.revision);
    }
    awaited.isWaiting = false;
  }

  private isDue(awaited: Awaited): boolean {
    if (this.isClosed || this.networks.get(awaited.networkId) !== awaited) return false;
    return awaited.acknowledged !== awaited.revision;
  }

  private async tryReach(namespaces: readonly NamespaceName[]): Promise<boolean> {
    // To wait for no names would be to wait for all.
    if (namespaces.length === 0) return true;
    try {
      await this.options.whenConverged(namespaces);
      return true;
    } catch {
      // What the kernel refuses is told and tried again by whoever drives it.
      return false;
    }
  }
}
