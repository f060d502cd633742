/** The parts of the Engine API's documents that the commands print. */
import type { NodeSpec, PortConfig, ServiceSpec, TaskSpec } from '../../model/index.ts';

export interface Versioned {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
}

export interface NodeDocument extends Versioned {
  readonly Spec: NodeSpec;
  readonly Description: {
    readonly Hostname: string;
    readonly Engine: { readonly EngineVersion: string };
  };
  readonly Status: { readonly State: string; readonly Addr: string };
  readonly ManagerStatus?: { readonly Leader?: boolean; readonly Reachability: string };
}

export interface ServiceDocument extends Versioned {
  readonly Spec: ServiceSpec;
  readonly Endpoint?: { readonly Ports?: readonly PortConfig[] };
  readonly ServiceStatus?: { readonly RunningTasks: number; readonly DesiredTasks: number };
  readonly UpdateStatus?: { readonly State: string; readonly Message: string };
}

export interface TaskDocument extends Versioned {
  readonly ServiceID: string;
  readonly Slot?: number;
  readonly NodeID?: string;
  readonly DesiredState: string;
  readonly Spec: TaskSpec;
  readonly Status: {
    readonly State: string;
    readonly Timestamp: string;
    readonly Err?: string;
    readonly ContainerStatus?: { readonly ContainerID?: string };
    readonly PortStatus?: { readonly Ports?: readonly PortConfig[] };
  };
}

export interface NetworkDocument {
  readonly Id: string;
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
}

export interface ImageDocument {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  /** Seconds since the epoch. */
  readonly Created: number;
  readonly Size: number;
}

export interface ContainerDocument {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly Command: string;
  readonly Created: number;
  readonly Status: string;
}

export interface InfoDocument {
  readonly Name: string;
  readonly ServerVersion: string;
  readonly ContainersRunning?: number;
  readonly Swarm: {
    readonly NodeID: string;
    readonly NodeAddr: string;
    readonly LocalNodeState: string;
    readonly ControlAvailable: boolean;
    readonly Error: string;
    readonly Nodes?: number;
    readonly Managers?: number;
  };
}
