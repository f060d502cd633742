import { ipv4, macOfIpv4 } from '../../../base/index.ts';
import {
  NO_SERVICE,
  isAttachment,
  isTerminal,
  type Network,
  type Task,
} from '../../../model/index.ts';
import type { Command, Refusal } from '../../commands.ts';
import type { Draft } from '../../draft.ts';
import { claimAddresses, takeAddresses } from '../addresses.ts';
import { refuse } from '../refuse.ts';
import { taskNetworkIds } from '../service.ts';

type Create = Extract<Command, { type: 'attachment.create' }>;

/** Nothing -> assigned to the node that asked, with an address on the network. */
export function applyAttachmentCreate(draft: Draft, command: Create): Refusal | undefined {
  const { state } = draft;
  const { id, nodeId, name, networkId, address, containerId, aliases, backendOf } = command;
  if (!state.nodes.has(nodeId)) return refuse('not-found', `node ${nodeId} not found`);
  if (state.tasks.has(id)) return refuse('name-taken', `task ${id} already exists`);
  const network = state.networks.get(networkId);
  if (network === undefined) return refuse('not-found', `network ${networkId} not found`);
  const problem =
    accessProblem(network) ?? nameProblem(draft, command) ?? backendProblem(draft, command);
  if (problem !== undefined) return problem;
  const taken =
    address === undefined
      ? takeAddresses(draft, networkId)
      : claimAddresses(draft, networkId, address);
  if ('code' in taken) return taken;
  draft.setTask(id, {
    id,
    meta: draft.meta(),
    serviceId: NO_SERVICE,
    serviceName: name,
    slot: 0,
    nodeId,
    spec: {
      NetworkAttachmentSpec: { ContainerID: containerId },
      Networks: [{ Target: networkId, Aliases: aliases }],
      Runtime: 'attachment',
    },
    ...(backendOf !== undefined && { backendOf }),
    specVersion: 0,
    desiredState: 'running',
    status: { state: 'assigned', atMs: draft.atMs, message: 'attachment assigned to its node' },
    attachments: [{ ...taken, mac: macOfIpv4(ipv4(taken.address)), aliases }],
    hostPorts: [],
  });
  return undefined;
}

function accessProblem({ spec }: Network): Refusal | undefined {
  if (spec.Attachable) return undefined;
  return refuse(
    'not-attachable',
    `network ${spec.Name} is not manually attachable: create it with --attachable`,
  );
}

/** On one network a name means one attachment; one on a node that is down may be replaced. */
function nameProblem(draft: Draft, { name, networkId }: Create): Refusal | undefined {
  const { tasks, nodes, services } = draft.state;
  const isHere = (task: Task): boolean =>
    isAttachment(task) &&
    !isTerminal(task.status.state) &&
    nodes.get(task.nodeId)?.state !== 'down' &&
    task.attachments.some((at) => at.networkId === networkId);
  const holder = tasks.byName(name).find(isHere);
  if (holder !== undefined)
    return refuse(
      'name-taken',
      `name ${name} is taken by attachment ${holder.id} on node ${holder.nodeId ?? ''}`,
    );
  const service = services.byName(name)[0];
  if (service === undefined || !taskNetworkIds(service).includes(networkId)) return undefined;
  return refuse(
    'name-taken',
    `name ${name} is taken by service ${service.id}, which would hide it`,
  );
}

function backendProblem(draft: Draft, { backendOf, networkId }: Create): Refusal | undefined {
  if (backendOf === undefined) return undefined;
  const service = draft.state.services.get(backendOf);
  if (service === undefined) return refuse('not-found', `service ${backendOf} not found`);
  if (taskNetworkIds(service).includes(networkId)) return undefined;
  return refuse('invalid', `service ${service.spec.Name} is not on that network`);
}
