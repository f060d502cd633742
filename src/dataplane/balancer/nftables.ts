/**
 * Balances with nf_tables alone: one map from frontend to chain, and in each chain one rule that
 * picks a backend by a counter. So a packet costs two lookups however many services and backends
 * there are, only the first packet of a connection pays them, and the first connection after a
 * change starts the round anew, in order.
 */
import type { Backend, Balancer, BalancerRules, Frontend } from './balancer.ts';
import type { NftChain, NftMap } from '../objects.ts';

/** Slots of one rule; weights beyond that many are scaled down. */
const SLOTS_MAX = 4096;
const MAP_BY_ADDRESS = 'vips';
const MAP_BY_PORT = 'ports';

interface Known {
  readonly backends: readonly Backend[];
  readonly chain: NftChain;
}

/** Chains are kept between calls, so that what did not change is the same object. */
export class NftablesBalancer implements Balancer {
  private chains = new Map<string, Known>();

  rules(frontends: readonly Frontend[]): BalancerRules {
    const used = new Map<string, Known>();
    const byAddress = new Map<string, string>();
    const byPort = new Map<string, string>();
    const links = new Set<string>();
    for (const frontend of frontends) {
      if (!frontend.backends.some(({ weight }) => weight > 0)) continue;
      const name = `svc-${frontend.id}`;
      used.set(name, this.chain(name, frontend));
      if (frontend.kind === 'address') byAddress.set(frontend.address, `goto ${name}`);
      else {
        byPort.set(`${frontend.protocol} . ${frontend.port}`, `goto ${name}`);
        links.add(frontend.link);
      }
    }
    this.chains = used;
    const maps: NftMap[] = [];
    const entry: string[] = [];
    if (byAddress.size > 0) {
      maps.push({ name: MAP_BY_ADDRESS, type: 'ipv4_addr : verdict', elements: byAddress });
      entry.push(`meta l4proto { tcp, udp, sctp } ip daddr vmap @${MAP_BY_ADDRESS}`);
    }
    if (byPort.size > 0) {
      maps.push({
        name: MAP_BY_PORT,
        type: 'inet_proto . inet_service : verdict',
        elements: byPort,
      });
      for (const link of links)
        entry.push(`iifname "${link}" meta l4proto . th dport vmap @${MAP_BY_PORT}`);
    }
    return { maps, chains: [...used.values()].map(({ chain }) => chain), entry };
  }

  private chain(name: string, frontend: Frontend): Known {
    const { backends } = frontend;
    const known = this.chains.get(name);
    if (known?.backends === backends) return known;
    const rule = ruleFor(frontend);
    const isSame = known?.chain.rules[0] === rule;
    return { backends, chain: isSame ? known.chain : { name, rules: [rule] } };
  }
}

function ruleFor(frontend: Frontend): string {
  const match = frontend.kind === 'port' ? `meta l4proto ${frontend.protocol} ` : '';
  return `${match}dnat ip to ${targetOf(slotsOf(frontend.backends))}`;
}

function targetOf(slots: readonly Backend[]): string {
  const [first] = slots;
  if (first !== undefined && slots.length === 1)
    return first.port === undefined ? first.address : `${first.address}:${first.port}`;
  const elements = slots.map(
    ({ address, port }, slot) => `${slot} : ${address}${port === undefined ? '' : ` . ${port}`}`,
  );
  return `numgen inc mod ${slots.length} map { ${elements.join(', ')} }`;
}

/**
 * Each backend as often as its weight says, spread out: in every round all that have weight left
 * take one slot. Backends that share a divisor of their weights need fewer slots.
 */
function slotsOf(backends: readonly Backend[]): Backend[] {
  const active = backends.filter((backend) => backend.weight > 0);
  const divisor = active.reduce((known, backend) => gcd(known, backend.weight), 0);
  const total = active.reduce((sum, backend) => sum + backend.weight, 0) / Math.max(divisor, 1);
  const scale = divisor * Math.max(1, total / SLOTS_MAX);
  const left = active.map((backend) => Math.max(1, Math.round(backend.weight / scale)));
  const slots: Backend[] = [];
  for (let round = 0; left.some((count) => count > round); round += 1) {
    for (const [at, backend] of active.entries()) if ((left[at] ?? 0) > round) slots.push(backend);
  }
  return slots;
}

function gcd(one: number, other: number): number {
  return other === 0 ? one : gcd(other, one % other);
}
