/**
 * What runs in a container: arguments, environment, working directory. Docker's rules for image
 * against spec.
 */
import path from 'node:path';
import { invalid } from '../errors.ts';
import type { ContainerSpec, OciImageConfig } from '../runtime.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Entrypoint then command. A given entrypoint drops the image's command with the image's
 * entrypoint.
 */
export function processArguments(
  spec: Pick<ContainerSpec, 'command' | 'args'>,
  image: OciImageConfig,
): readonly string[] {
  const isReplaced = spec.command !== undefined && spec.command.length > 0;
  const entrypoint = isReplaced ? spec.command : (image.config?.Entrypoint ?? []);
  const hasArguments = spec.args !== undefined && spec.args.length > 0;
  const imageCommand = isReplaced ? [] : (image.config?.Cmd ?? []);
  const whole = [...entrypoint, ...(hasArguments ? spec.args : imageCommand)];
  if (whole.length === 0) throw invalid('command', '', 'no command specified');
  if (whole[0] === '') throw invalid('command', '', 'the command is empty');
  return whole;
}

/**
 * PATH, HOSTNAME, TERM with a terminal; then the image's, then the spec's: a later entry replaces
 * an earlier one.
 */
export function environmentOf(
  spec: Pick<ContainerSpec, 'env' | 'hasTty' | 'hostname'>,
  image: OciImageConfig,
): readonly string[] {
  const base = [
    `PATH=${DEFAULT_PATH}`,
    `HOSTNAME=${spec.hostname}`,
    ...(spec.hasTty ? ['TERM=xterm'] : []),
  ];
  return mergeEnvironment([...base, ...(image.config?.Env ?? []), ...spec.env]);
}

/** A name without `=` removes the variable, as in Docker. */
export function mergeEnvironment(entries: readonly string[]): string[] {
  const merged = new Map<string, string>();
  for (const entry of entries) {
    const equals = entry.indexOf('=');
    const name = equals < 0 ? entry : entry.slice(0, equals);
    if (name === '' || entry.includes('\0')) {
      throw invalid('env', entry, `invalid environment variable: ${JSON.stringify(entry)}`);
    }
    if (equals < 0) merged.delete(name);
    else merged.set(name, entry);
  }
  return [...merged.values()];
}

export function workingDirectoryOf(
  spec: Pick<ContainerSpec, 'workingDirectory'>,
  image: OciImageConfig,
): string {
  const given = spec.workingDirectory ?? '';
  return path.posix.resolve('/', given === '' ? (image.config?.WorkingDir ?? '') : given);
}
