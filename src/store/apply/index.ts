/**
 * apply: what each command does to the state. One handler per command; each returns why it refuses,
 * or nothing.
 *
 * Handlers read no clock and draw no random number: ids and times are in the command. A handler
 * that removes rows has made its last check before, because a row that is put back by a rollback
 * moves to the end of its table.
 */
import { unreachable } from '../../base/index.ts';
import type { Command, Refusal } from '../commands.ts';
import type { Draft } from '../draft.ts';
import { applyClusterCreate, applyClusterUpdate, applyGossipKeys } from './cluster.ts';
import { applyNetworkCreate, applyNetworkRemove } from './network.ts';
import {
  applyNodeManager,
  applyNodeRegister,
  applyNodeRemove,
  applyNodeState,
  applyNodeUpdate,
} from './node.ts';
import { applyServiceCreate, applyServiceRemove, applyServiceUpdate } from './service.ts';
import { applyTasksChange, applyTasksReport } from './task.ts';

export { holdsAddresses } from './task.ts';
export { taskNetworkIds } from './service.ts';
export { ingressNetwork } from './network.ts';

/** Writes the command's effect into the draft, or says why it may not be. */
export function applyCommand(draft: Draft, command: Command): Refusal | undefined {
  switch (command.type) {
    case 'cluster.create':
      return applyClusterCreate(draft, command);
    case 'cluster.update':
      return applyClusterUpdate(draft, command);
    case 'cluster.gossip-keys':
      return applyGossipKeys(draft, command);
    case 'node.register':
      return applyNodeRegister(draft, command);
    case 'node.state':
      return applyNodeState(draft, command);
    case 'node.manager':
      return applyNodeManager(draft, command);
    case 'node.update':
      return applyNodeUpdate(draft, command);
    case 'node.remove':
      return applyNodeRemove(draft, command);
    case 'network.create':
      return applyNetworkCreate(draft, command);
    case 'network.remove':
      return applyNetworkRemove(draft, command);
    case 'service.create':
      return applyServiceCreate(draft, command);
    case 'service.update':
      return applyServiceUpdate(draft, command);
    case 'service.remove':
      return applyServiceRemove(draft, command);
    case 'tasks.change':
      return applyTasksChange(draft, command);
    case 'tasks.report':
      return applyTasksReport(draft, command);
    default:
      return unreachable(command);
  }
}
