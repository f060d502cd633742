/** The OCI process document of an exec. */
import { ALL_CAPABILITIES, resolveCapabilities } from '../bundle/capabilities.ts';
import type { HostFacts } from '../bundle/bundle-config.ts';
import { environmentOf, mergeEnvironment, workingDirectoryOf } from '../bundle/process.ts';
import type { ContainerUser } from '../bundle/users.ts';
import type { ContainerSpec, ExecSpec, OciImageConfig } from '../runtime.ts';

export interface ExecConfigInput {
  readonly spec: ExecSpec;
  readonly container: ContainerSpec;
  readonly image: OciImageConfig;
  readonly host: HostFacts;
  readonly user: ContainerUser;
}

/**
 * The container's environment and limits, with what the exec adds; `privileged` holds all that the
 * host can give.
 */
export function execProcessConfig(input: ExecConfigInput): Readonly<Record<string, unknown>> {
  const { spec, container, image, host, user } = input;
  const capabilities = spec.isPrivileged
    ? ALL_CAPABILITIES.filter((name) => host.capabilities.has(name))
    : resolveCapabilities({
        add: container.capabilityAdd,
        drop: container.capabilityDrop,
        available: host.capabilities,
      });
  const held = user.uid === 0 ? capabilities : [];
  const terminal = spec.hasTty ? ['TERM=xterm'] : [];
  return {
    terminal: spec.hasTty,
    user,
    args: spec.command,
    env: mergeEnvironment([...environmentOf(container, image), ...terminal, ...spec.env]),
    cwd:
      spec.workingDirectory === undefined || spec.workingDirectory === ''
        ? workingDirectoryOf(container, image)
        : spec.workingDirectory,
    capabilities: { bounding: capabilities, effective: held, permitted: held },
    noNewPrivileges: false,
  };
}
