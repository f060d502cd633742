/** What a load balancer is to the plan, whatever does the work in the kernel. */
import { addressesOf, type BalancePolicy, type Protocol } from '../../model/index.ts';
import type { EndpointPlug } from '../endpoint-index.ts';
import type { NftChain, NftMap } from '../objects.ts';

/** Where new connections go. */
export interface Backend {
  readonly address: string;
  /**
   * Share of new connections relative to the others'; 0 takes none, while connections that it has
   * go on. Whole number.
   */
  readonly weight: number;
}

/**
 * What clients connect to, by one family or both; each client gets a backend of its own family.
 * `id` is unique among the frontends of a namespace.
 */
export type Frontend = {
  readonly id: string;
  readonly policy: BalancePolicy;
  readonly backends: readonly Backend[];
} & (
  | {
      /** Any port of the addresses; backends are asked at the port that the client asked for. */
      readonly kind: 'address';
      readonly addresses: readonly string[];
    }
  | {
      readonly kind: 'port';
      readonly protocol: Protocol;
      readonly port: number;
      /** Where the backends are asked. */
      readonly targetPort: number;
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
  private readonly known = new WeakMap<readonly EndpointPlug[], readonly Backend[]>();

  of(plugs: readonly EndpointPlug[]): readonly Backend[] {
    const known = this.known.get(plugs);
    if (known !== undefined) return known;
    const backends = plugs
      .flatMap(({ attachment }) => addressesOf(attachment))
      .map((address) => ({ address, weight: 1 }));
    this.known.set(plugs, backends);
    return backends;
  }
}
