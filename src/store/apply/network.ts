import { cidr, familyOfText, type IpFamily } from '../../base/index.ts';
import {
  isAttachment,
  isTerminal,
  type IpamConfig,
  type Network,
  type Subnet,
  type Task,
  type Vni,
} from '../../model/index.ts';
import type { Command, Refusal } from '../commands.ts';
import type { Draft } from '../draft.ts';
import {
  SUBNET6_BITS,
  cutSubnet,
  findOverlap,
  parseSubnet,
  type SubnetDraft,
} from '../pool/subnets.ts';
import type { State } from '../state.ts';
import { refuse } from './refuse.ts';

type Create = Extract<Command, { type: 'network.create' }>;
type Remove = Extract<Command, { type: 'network.remove' }>;

/** The network that published ports are routed over. */
export function ingressNetwork(state: State): Network | undefined {
  for (const network of state.networks.values()) if (network.spec.Ingress) return network;
  return undefined;
}

/** Nothing -> network with its subnets and their VNIs. */
export function applyNetworkCreate(draft: Draft, command: Create): Refusal | undefined {
  const { state } = draft;
  const { id, spec } = command;
  if (state.cluster === undefined) return refuse('not-found', 'there is no cluster');
  if (state.networks.has(id)) return refuse('name-taken', `network ${id} already exists`);
  if (state.networks.byName(spec.Name).length > 0)
    return refuse('name-taken', `network with name ${spec.Name} already exists`);
  const ingress = spec.Ingress ? ingressNetwork(state) : undefined;
  if (ingress !== undefined)
    return refuse('name-taken', `ingress network (${ingress.id}) is already present`);
  const subnets: Subnet[] = [];
  for (const { family, ...config } of subnetConfigs(spec)) {
    const own = { id, meta: draft.meta(), spec, subnets };
    const { Subnet } = config;
    const chosen = Subnet
      ? givenSubnet(state, { ...config, Subnet }, own)
      : automaticSubnet(state, family, own);
    if ('code' in chosen) return chosen;
    const vni = family === 4 ? draft.take(state.vnis) : undefined;
    if (family === 4 && vni === undefined)
      return refuse('exhausted', 'no VXLAN network identifier is free');
    subnets.push({ ...chosen, ...(vni !== undefined && { vni: vni as Vni }) });
  }
  draft.setNetwork(id, { id, meta: draft.meta(), spec, subnets });
  draft.openAddresses(id, subnets);
  return undefined;
}

/** Network -> gone, with its subnets and VNIs. Refused while a service or a live task uses it. */
export function applyNetworkRemove(draft: Draft, command: Remove): Refusal | undefined {
  const { state } = draft;
  const network = state.networks.get(command.id);
  if (network === undefined) return refuse('not-found', `network ${command.id} not found`);
  const user = networkUser(state, network);
  if (user !== undefined)
    return refuse('in-use', `network ${network.spec.Name} is in use by ${user}`);
  for (const { vni } of network.subnets) if (vni !== undefined) draft.release(state.vnis, vni);
  draft.closeAddresses(network.id);
  draft.setNetwork(network.id, undefined);
  return undefined;
}

type FamilyConfig = IpamConfig & { readonly family: IpFamily };

/** What the spec says of subnets, IPv4 first; one more for a family of which it says nothing. */
function subnetConfigs(spec: Create['spec']): FamilyConfig[] {
  const families: readonly IpFamily[] = spec.EnableIPv6 ? [4, 6] : [4];
  const configs = spec.IPAM.Config.map((config) => ({
    ...config,
    family: familyOfText(config.Subnet ?? ''),
  }));
  return families.flatMap((family) => {
    const own = configs.filter((config) => config.family === family);
    return own.length > 0 ? own : [{ family }];
  });
}

/**
 * The operator's subnet. Networks are worlds of their own, and two may use the same addresses;
 * only ingress has to stay apart from all, because every service may come to be on it.
 */
function givenSubnet(
  state: State,
  config: IpamConfig & { readonly Subnet: string },
  own: Network,
): SubnetDraft | Refusal {
  const parsed = parseSubnet(config);
  if ('problem' in parsed) return refuse('invalid', parsed.problem);
  const others = [...state.networks.values()].filter(
    (other) => own.spec.Ingress || other.spec.Ingress,
  );
  const overlap = findOverlap(cidr(parsed.subnet.prefix), [...others, own]);
  if (overlap === undefined) return parsed.subnet;
  const where = `${overlap.subnet.prefix} of network ${overlap.network.spec.Name}`;
  return refuse(
    'subnet-overlap',
    `invalid pool request: Pool overlaps with other one on this address space: ` +
      `${parsed.subnet.prefix} overlaps ${where}`,
  );
}

/** Two of the networks that share addresses: no container could be on both. */
export function refuseOverlap(networks: readonly Network[]): Refusal | undefined {
  for (const [at, network] of networks.entries())
    for (const { prefix } of network.subnets) {
      const overlap = findOverlap(cidr(prefix), networks.slice(0, at));
      if (overlap !== undefined)
        return refuse(
          'subnet-overlap',
          `networks ${overlap.network.spec.Name} (${overlap.subnet.prefix}) and ` +
            `${network.spec.Name} (${prefix}) use the same addresses: a service can be on one ` +
            `of them only`,
        );
    }
  return undefined;
}

/** A subnet of the pools that nobody uses. `own` is the network as it is so far. */
function automaticSubnet(
  { cluster, networks }: State,
  family: IpFamily,
  own: Network,
): SubnetDraft | Refusal {
  const pools = (cluster?.addressPools ?? []).filter((pool) => familyOfText(pool) === family);
  if (pools.length === 0)
    return refuse(
      'exhausted',
      `this cluster has no IPv${family} address pool: give the network an IPv${family} subnet`,
    );
  const bits = family === 4 ? (cluster?.subnetBits ?? 0) : SUBNET6_BITS;
  const text = `could not find an available, non-overlapping IPv${family} address pool`;
  const cut = cutSubnet(pools, bits, [...networks.values(), own]);
  return cut ?? refuse('exhausted', `${text} in ${pools.join(', ')}`);
}

function networkUser(state: State, network: Network): string | undefined {
  for (const service of state.services.values()) {
    const isTarget = service.spec.TaskTemplate.Networks?.some((to) => to.Target === network.id);
    if (isTarget || service.virtualIps.some((vip) => vip.networkId === network.id))
      return `service ${service.spec.Name}`;
  }
  for (const task of state.tasks.values()) {
    if (isWanted(task) && task.attachments.some((at) => at.networkId === network.id))
      return isAttachment(task) ? `attachment ${task.serviceName}` : `task ${task.id}`;
  }
  return undefined;
}

/**
 * A task on its way out does not hold a network back: `service rm` and `network rm` follow each
 * other in scripts.
 */
function isWanted(task: Task): boolean {
  const isEnding = task.desiredState === 'shutdown' || task.desiredState === 'remove';
  return !isEnding && !isTerminal(task.status.state);
}
