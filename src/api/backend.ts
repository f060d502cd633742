/**
 * What the API stands on: this node's part in a cluster, its containers, and facts of the machine.
 * Made by the agent.
 */
import type { Clock, Rng } from '../base/index.ts';
import type { ClusterMember } from '../cluster/index.ts';
import type { Runtime } from '../runtime/index.ts';

/** Facts of this node that `version` and `info` show. */
export interface NodeFacts {
  readonly hostname: string;
  /** Of Hawser; shown as the engine's version. */
  readonly version: string;
  readonly gitCommit?: string;
  readonly buildTime?: string;
  /** `uname -r`. */
  readonly kernelVersion: string;
  /** `uname -m`: `x86_64`, `aarch64`. */
  readonly machine: string;
  /** PRETTY_NAME of /etc/os-release. */
  readonly operatingSystem: string;
  readonly osVersion?: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly dataDirectory: string;
  /** Name of the runtime that runs tasks here; `none` when there is none. */
  readonly runtimeName: string;
  /** The bridge for traffic to the outside, when it has its addresses. */
  readonly gateway?: { readonly name: string; readonly subnet: string; readonly address: string };
}

/** How this node is reached, where a request leaves it open. */
export interface AddressBook {
  /** `IP:port` of the cluster listener. */
  readonly listenAddress: string;
  /**
   * `IP[:port]` that was configured, or the only address there is; `undefined` when it must be
   * asked for.
   */
  advertiseAddress(): string | undefined;
  readonly dataPathAddress?: string;
  /** Resolves `IP|IFACE[:PORT]` of a request's `field`; throws a coded error that names it. */
  parse(field: string, text: string): { readonly ip: string; readonly port?: number };
}

export interface Backend {
  readonly member: ClusterMember;
  /** Absent where no tasks run. */
  readonly runtime: Runtime | undefined;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly addresses: AddressBook;
  facts(): NodeFacts;
}
