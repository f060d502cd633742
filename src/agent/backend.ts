/** What the API stands on, made from the parts of this agent. */
import { randomFillSync } from 'node:crypto';
import { SYSTEM_CLOCK, type Rng } from '../base/index.ts';
import type { AddressBook, Backend, NodeFacts } from '../api/index.ts';
import type { ClusterMember } from '../cluster/index.ts';
import type { AgentConfig } from './config.ts';
import { onlyHostAddress, parseHostAddress } from './host/addresses.ts';
import type { Machine } from './host/machine.ts';
import type { Parts } from './parts.ts';

export interface BackendOptions {
  readonly parts: Parts;
  readonly member: ClusterMember;
  readonly machine: Machine;
  readonly version: string;
}

export function agentBackend(options: BackendOptions): Backend {
  const { parts, member } = options;
  return {
    member,
    runtime: parts.runtime,
    clock: SYSTEM_CLOCK,
    rng: SYSTEM_RNG,
    addresses: addressBook(parts.config),
    facts: () => factsOf(options),
  };
}

/** Randomness that nobody can guess: ids and ports are made of it. */
export const SYSTEM_RNG: Rng = {
  nextU32: () => randomFillSync(new Uint32Array(1))[0] as number,
};

function addressBook(config: AgentConfig): AddressBook {
  const configured = config.advertiseAddress;
  const dataPath = config.dataPathAddress;
  return {
    listenAddress: config.listenAddress,
    advertiseAddress: () =>
      configured === undefined ? onlyHostAddress() : addressText('--advertise-addr', configured),
    ...(dataPath ? { dataPathAddress: parseHostAddress('--data-path-addr', dataPath).ip } : {}),
    parse: parseHostAddress,
  };
}

function addressText(option: string, text: string): string {
  const { ip, port } = parseHostAddress(option, text);
  if (port === undefined) return ip;
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function factsOf({ parts, machine, version }: BackendOptions): NodeFacts {
  const { sandboxes, config, runtime } = parts;
  return {
    hostname: machine.hostname,
    version,
    kernelVersion: machine.kernelVersion,
    machine: machine.machine,
    operatingSystem: machine.operatingSystem,
    osVersion: machine.osVersion,
    cpus: machine.cpus,
    memoryBytes: machine.memoryBytes,
    dataDirectory: config.dataDirectory,
    runtimeName: runtime === undefined ? 'none' : 'runc',
    gateway: { name: 'hawser_gw', subnet: sandboxes.prefix, address: sandboxes.bridgeAddress },
  };
}
