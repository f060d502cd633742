/** What a load balancer is to the plan, whatever does the work in the kernel. */
import type { Protocol } from '../../model/index.ts';
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
 * The part of a namespace's nft table that balances. A frontend without backends is left out, so that its packets
 * reach the namespace itself, which listens nowhere: the client is refused at once.
 */
export interface BalancerRules {
  readonly maps: readonly NftMap[];
  /** Chains that are only jumped to. */
  readonly chains: readonly NftChain[];
  /** Rules for a chain of type nat at the hook prerouting. */
  readonly entry: readonly string[];
}

export interface Balancer {
  rules(frontends: readonly Frontend[]): BalancerRules;
}
