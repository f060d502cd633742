import { cidr4 } from '../../base/index.ts';
import { isTerminal, type Network, type Subnet, type Task, type Vni } from '../../model/index.ts';
import type { Command, Refusal } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { cutSubnet, findOverlap, parseSubnet, type SubnetDraft } from '../pool/subnets.ts';
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
  const configs = spec.IPAM.Config.length > 0 ? spec.IPAM.Config : [{}];
  for (const config of configs) {
    const others = [...state.networks.values(), { id, meta: draft.meta(), spec, subnets }];
    const chosen = chooseSubnet(state, config, others);
    if ('code' in chosen) return chosen;
    const vni = draft.take(state.vnis);
    if (vni === undefined) return refuse('exhausted', 'no VXLAN network identifier is free');
    subnets.push({ ...chosen, vni: vni as Vni });
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
  for (const { vni } of network.subnets) draft.release(state.vnis, vni);
  draft.closeAddresses(network.id);
  draft.setNetwork(network.id, undefined);
  return undefined;
}

function chooseSubnet(
  state: State,
  config: Create['spec']['IPAM']['Config'][number],
  others: readonly Network[],
): SubnetDraft | Refusal {
  if (!config.Subnet) {
    const { addressPools = [], subnetBits = 0 } = state.cluster ?? {};
    const cut = cutSubnet(addressPools, subnetBits, others);
    const text = 'could not find an available, non-overlapping IPv4 address pool';
    return cut ?? refuse('exhausted', `${text} in ${addressPools.join(', ')}`);
  }
  const parsed = parseSubnet({ ...config, Subnet: config.Subnet });
  if ('problem' in parsed) return refuse('invalid', parsed.problem);
  const overlap = findOverlap(cidr4(parsed.subnet.prefix), others);
  if (overlap === undefined) return parsed.subnet;
  const where = `${overlap.subnet.prefix} of network ${overlap.network.spec.Name}`;
  return refuse(
    'subnet-overlap',
    `invalid pool request: Pool overlaps with other one on this address space: ` +
      `${parsed.subnet.prefix} overlaps ${where}`,
  );
}

function networkUser(state: State, network: Network): string | undefined {
  for (const service of state.services.values()) {
    const isTarget = service.spec.TaskTemplate.Networks?.some((to) => to.Target === network.id);
    if (isTarget || service.virtualIps.some((vip) => vip.networkId === network.id))
      return `service ${service.spec.Name}`;
  }
  for (const task of state.tasks.values()) {
    if (isWanted(task) && task.attachments.some((at) => at.networkId === network.id))
      return `task ${task.id}`;
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
