/** What a load balancer is to the plan, whatever does the work in the kernel. */
import type { Protocol } from '../../model/index.ts';
import type { EndpointPlug } from '../endpoint-index.ts';
import type { NftChain, NftMap } from '../objects.ts';

/** Where new connections go. */
export interface Backend {
  readonly address: string;
  /** Absent: the port that the client asked for. */
  readonly port?: number;
  /** Share of new connections relative to the others'; 0 takes none. Whole number. */
  readonly weight: number;
}

/** What clients connect to. `id` is unique among the frontends of a namespace. */
export type Frontend = {
  readonly id: string;
  readonly backends: readonly Backend[];
} & (
  | { readonly kind: 'address'; readonly address: string }
  | {
      readonly kind: 'port';
      readonly protocol: Protocol;
      readonly port: number;
      readonly link: string;
    }
);

/**
 * The part of a namespace's nft table that balances. A frontend without backends is left out, so
 * that its packets reach the namespace itself, which listens nowhere: the client is refused at
 * once.
 */
export interface BalancerRules {
  readonly maps: readonly NftMap[];
  /** Chains that are only jumped to. */
  readonly chains: readonly NftChain[];
  /** Rules for a chain of type nat at the hook prerouting. */
  readonly entry: readonly string[];
}

/** One namespace's balancer: what it gave for a frontend that is unchanged, it gives again. */
export interface Balancer {
  rules(frontends: readonly Frontend[]): BalancerRules;
}

/** What the tables of a namespace are made with. */
export interface Balancing {
  readonly balancer: Balancer;
  readonly backends: BackendLists;
}

/**
 * Makes backends of endpoints, all of one weight, and keeps them: the same endpoints are the same
 * list of backends.
 */
export class BackendLists {
  private readonly known = new WeakMap<
    readonly EndpointPlug[],
    Map<number | undefined, readonly Backend[]>
  >();

  /** Without `port` the backends are asked at the port that the client named. */
  of(plugs: readonly EndpointPlug[], port?: number): readonly Backend[] {
    const byPort = this.known.get(plugs) ?? new Map<number | undefined, readonly Backend[]>();
    this.known.set(plugs, byPort);
    const known = byPort.get(port);
    if (known !== undefined) return known;
    const backends = plugs.map(({ attachment: { address } }) =>
      port === undefined ? { address, weight: 1 } : { address, port, weight: 1 },
    );
    byPort.set(port, backends);
    return backends;
  }
}
