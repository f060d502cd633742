/** Short ways to write objects; each leaves out what is absent. */
import type {
  AddressObject,
  BridgePort,
  NftChain,
  RouteObject,
  RuleObject,
  SysctlObject,
} from './objects.ts';

export const TABLE_MAIN = 254;

/** nft's names for points in netfilter's order. */
export const PRIORITY = {
  raw: -300,
  /** Connections are known, addresses are not translated yet. */
  afterConntrack: -150,
  dstnat: -100,
  afterDstnat: -90,
  filter: 0,
  /** In the bridge family: br_netfilter has run the IP hooks of the same point. */
  afterBridgeNetfilter: 10,
  srcnat: 100,
  afterSrcnat: 110,
} as const;

const CLOSED_PORT: BridgePort = {
  learning: false,
  unicastFlood: false,
  isolated: false,
  hairpin: false,
};
/** A port whose one MAC is pinned, and which may answer itself. */
export const ENDPOINT_PORT: BridgePort = { ...CLOSED_PORT, hairpin: true };
/** The way to everybody who is not here. */
export const TUNNEL_PORT: BridgePort = { ...CLOSED_PORT, unicastFlood: true };
/** Ports of `hawser_gw` learn: there the bridge knows nobody beforehand. */
export const GATEWAY_PORT: BridgePort = {
  learning: true,
  unicastFlood: true,
  isolated: false,
  hairpin: true,
};

export function sysctl(path: string, value: string | number): SysctlObject {
  return { kind: 'sysctl', path, value: String(value) };
}

export function address(link: string, plain: string, bits: number): AddressObject {
  return { kind: 'address', link, address: `${plain}/${bits}` };
}

export interface RouteOptions {
  readonly link: string;
  readonly via: string;
  readonly destination?: string;
  readonly table?: number;
}

/** A route by way of a neighbour; by default the default route of the main table. */
export function route(options: RouteOptions): RouteObject {
  const { link, via, destination = '0.0.0.0/0', table = TABLE_MAIN } = options;
  return { kind: 'route', destination, table, link, via, isOnlink: false };
}

export function ruleFrom(source: string, table: number): RuleObject {
  return { kind: 'rule', priority: table, table, source };
}

type Hook = NonNullable<NftChain['base']>['hook'];
type ChainType = NonNullable<NftChain['base']>['type'];

/** `[type, hook, priority]`; the policy is always accept: other tables' users have a say, too. */
export function baseChain(
  name: string,
  [type, hook, priority]: readonly [ChainType, Hook, number],
  rules: readonly string[],
): NftChain {
  return { name, base: { type, hook, priority, policy: 'accept' }, rules };
}
