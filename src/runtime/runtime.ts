/**
 * What runs containers on a node. Implemented by `oci` (runc under conmon); later by a Docker
 * Engine.
 */
import type { Mount } from '../model/index.ts';

export interface ContainerSpec {
  /** 64 hexadecimal digits, chosen by the caller. */
  readonly id: string;
  /** Docker's name of it: `<service>.<slot>.<task id>`. */
  readonly name: string;
  readonly image: string;
  /** Replaces the image's entrypoint; then the image's command does not apply either. */
  readonly command?: readonly string[];
  /** Replaces the image's command. */
  readonly args?: readonly string[];
  readonly env: readonly string[];
  readonly workingDirectory?: string;
  /** `user[:group]`, names or numbers, resolved in the image's /etc/passwd and /etc/group. */
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly hasTty: boolean;
  readonly isReadOnly: boolean;
  readonly mounts: readonly Mount[];
  /** Path of the bind-mounted network namespace it joins. */
  readonly networkNamespacePath: string;
  readonly hostname: string;
  /** Whole content of /etc/hosts and /etc/resolv.conf. */
  readonly hostsFile: string;
  readonly resolvConf: string;
  readonly stopSignal?: string;
  readonly stopGraceMs: number;
  readonly memoryBytes?: number;
  readonly nanoCpus?: number;
  readonly pids?: number;
  readonly capabilityAdd: readonly string[];
  readonly capabilityDrop: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly ulimits: readonly {
    readonly name: string;
    readonly soft: number;
    readonly hard: number;
  }[];
  readonly labels: Readonly<Record<string, string>>;
}

export type ContainerState = 'created' | 'running' | 'exited';

export interface ContainerStatus {
  readonly id: string;
  readonly spec: ContainerSpec;
  /** Content id (`sha256:…`) of the image it was made from. */
  readonly imageId: string;
  readonly state: ContainerState;
  /** While running: the init process in the host's pid namespace. */
  readonly pid?: number;
  readonly createdAtMs: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly exitCode?: number;
  readonly isOutOfMemoryKilled?: boolean;
  /** Why it could not be started. */
  readonly error?: string;
}

export interface LogQuery {
  readonly wantStdout: boolean;
  readonly wantStderr: boolean;
  readonly isFollowing: boolean;
  /** Last lines of what exists; absent means all. */
  readonly tailLines?: number;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly signal: AbortSignal;
}

export interface LogEntry {
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds, UTC. */
  readonly time: string;
  /** With its newline, if the container wrote one. */
  readonly line: Buffer;
}

export interface ExecSpec {
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly workingDirectory?: string;
  readonly user?: string;
  readonly hasTty: boolean;
  readonly isPrivileged: boolean;
}

/** A process started inside a running container. */
export interface ExecProcess {
  readonly pid: number | undefined;
  readonly stdin: NodeJS.WritableStream;
  readonly stdout: NodeJS.ReadableStream;
  /** Absent with a terminal: everything comes on stdout. */
  readonly stderr: NodeJS.ReadableStream | undefined;
  resize(rows: number, columns: number): void;
  kill(signal: string): void;
  /** Resolves with the exit code once it ended and its output is complete. */
  readonly exited: Promise<number>;
}

export interface ImageSummary {
  /** `sha256:…` of the image's config document. */
  readonly id: string;
  /** `name:tag`, normalized as Docker prints them (`busybox:latest`). */
  readonly tags: readonly string[];
  readonly createdAtMs: number;
  /** Bytes unpacked. */
  readonly bytes: number;
  /** OCI image config document. */
  readonly config: OciImageConfig;
}

export interface OciImageConfig {
  readonly created?: string;
  readonly author?: string;
  readonly architecture: string;
  readonly os: string;
  readonly config?: {
    readonly User?: string;
    readonly Env?: readonly string[];
    readonly Entrypoint?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly WorkingDir?: string;
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly ExposedPorts?: Readonly<Record<string, unknown>> | null;
    readonly Volumes?: Readonly<Record<string, unknown>> | null;
    readonly StopSignal?: string;
  };
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly string[] };
  readonly history?: readonly unknown[];
}

/**
 * Images on this node. Content-addressed; several agents on one machine may share one directory.
 */
export interface ImageStore {
  list(): Promise<readonly ImageSummary[]>;
  /** By `name[:tag]`, `name@sha256:…`, id, or unambiguous prefix of an id. */
  find(reference: string): Promise<ImageSummary | undefined>;
  /**
   * Takes a root file system tar (plain, gzip, zstd or xz); `changes` are Dockerfile instructions
   * (CMD, ENV, …).
   */
  importRootfs(tar: NodeJS.ReadableStream, options: ImportOptions): Promise<ImageSummary>;
  /** Takes a docker-archive or OCI layout tar; returns what it held. */
  load(tar: NodeJS.ReadableStream): Promise<readonly ImageSummary[]>;
  tag(id: string, reference: string): Promise<void>;
  /**
   * Removes a tag, and the image with its last one; refuses while a container of this node uses it.
   */
  remove(
    reference: string,
    isForced: boolean,
  ): Promise<readonly { readonly untagged?: string; readonly deleted?: string }[]>;
  /**
   * Calls back when names of images changed, whichever process of the machine changed them. Returns
   * the unsubscribe function.
   */
  onChange(listener: () => void): () => void;
}

export interface ImportOptions {
  readonly reference?: string;
  readonly message?: string;
  readonly changes: readonly string[];
}

export interface Runtime {
  readonly images: ImageStore;
  /** Everything this runtime knows, adopted ones of an earlier agent included. */
  list(): readonly ContainerStatus[];
  get(id: string): ContainerStatus | undefined;
  /** Prepares root file system and bundle. Idempotent for the same id. Throws `RuntimeError`. */
  create(spec: ContainerSpec): Promise<void>;
  start(id: string): Promise<void>;
  /** Stop signal, then SIGKILL after the grace period; resolves when it has exited. */
  stop(id: string, graceMs?: number): Promise<void>;
  kill(id: string, signal: string): Promise<void>;
  /** Removes bundle, root file system, logs. The container must not run. */
  remove(id: string): Promise<void>;
  logs(id: string, query: LogQuery): AsyncIterable<LogEntry>;
  exec(id: string, spec: ExecSpec): Promise<ExecProcess>;
  /** Calls back whenever `get(id)` would answer differently. Returns the unsubscribe function. */
  onChange(listener: (id: string) => void): () => void;
  /** Stops watching; containers go on. */
  close(): Promise<void>;
}
