/**
 * runtime: runs a node's containers, and keeps the images they are made of.
 *
 * `Runtime` (runtime.ts) is what the node room drives: create, start, stop, remove, logs, exec, and
 * an image store. `openOciRuntime` implements it with runc, conmon and overlayfs.
 *
 * Inputs: container specs with everything decided (addresses, files, network namespace), tars of
 * images, the directories of an earlier agent. Outputs: processes, their status, their output. It
 * never touches a network, never decides what should run, and never restarts anything.
 *
 * What it promises: containers live without the agent, and the next one on the same directories
 * adopts them, exits that nobody saw included; after `remove` no mount, cgroup, process or file is
 * left; a crash at any instruction loses no container and leaves nothing half made; documents and
 * archives are checked before they are believed.
 *
 * Limits: 127 layers and 256 GiB per image, 4 million files per layer; logs of 3 x 10 MiB per
 * container (64 MiB while no agent runs); a container runs once.
 *
 * Where to start: `containers/oci-runtime.ts` (the life of a container),
 * `images/image-directory.ts` (what lies where), `bundle/bundle-config.ts` (a container's world, as
 * a pure function), `archive/layer-filter.ts` (why a hostile tar is harmless),
 * `logs/log-reader.ts`, `exec/terminal.ts`.
 */
export type {
  ContainerSpec,
  ContainerState,
  ContainerStatus,
  ExecProcess,
  ExecSpec,
  ImageStore,
  ImageSummary,
  ImportOptions,
  LogEntry,
  LogQuery,
  OciImageConfig,
  Runtime,
} from './runtime.ts';
export { RuntimeError, type RuntimeErrorDetail } from './errors.ts';
export { openOciRuntime, type OciRuntimeOptions } from './containers/open-oci-runtime.ts';
export { parseReference, formatTagged, type ImageReference } from './images/reference.ts';
