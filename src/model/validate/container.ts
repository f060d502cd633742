import type { ContainerSpec, Mount } from '../specs.ts';
import { isImageReference } from './names.ts';
import type { ContainerDocument, MountDocument } from './service-schema.ts';
import { invalid, unsupported } from './spec-error.ts';

const FIELD = 'TaskTemplate.ContainerSpec';

/** Checks what is inside a container, and refuses what its runtime would have to leave out. */
export function parseContainerSpec(document: ContainerDocument): ContainerSpec {
  const { Secrets, Configs, Healthcheck, Privileges, OomScoreAdj, Mounts, ...plain } = document;
  if (plain.Image === '')
    throw invalid(
      `${FIELD}.Image`,
      'must be provided',
      'ContainerSpec: image reference must be provided',
    );
  if (!isImageReference(plain.Image))
    throw invalid(
      `${FIELD}.Image`,
      'must be a valid image reference',
      `ContainerSpec: ${JSON.stringify(plain.Image.slice(0, 512))} is not a valid repository/tag`,
    );
  if (Secrets !== undefined && Secrets.length > 0)
    throw unsupported(`${FIELD}.Secrets`, 'secrets are');
  if (Configs !== undefined && Configs.length > 0)
    throw unsupported(`${FIELD}.Configs`, 'configs are');
  if (hasCheck(Healthcheck?.Test ?? []))
    throw unsupported(`${FIELD}.Healthcheck`, 'health checks are');
  for (const [name, value] of Object.entries(Privileges ?? {}))
    if (asksForSomething(value)) throw unsupported(`${FIELD}.Privileges.${name}`, 'this is');
  if (OomScoreAdj !== undefined && OomScoreAdj !== 0)
    throw unsupported(`${FIELD}.OomScoreAdj`, 'adjusting the OOM score is');
  checkDns(plain);
  const mounts = Mounts === undefined ? undefined : parseMounts(Mounts);
  return withoutUndefined({ ...plain, Mounts: mounts }) as ContainerSpec;
}

function hasCheck(test: readonly string[]): boolean {
  return test.length > 0 && test[0] !== 'NONE' && test[0] !== '';
}

/** Whether a privilege is more than a default written out: `false`, empty, or an object of such. */
function asksForSomething(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return Boolean(value) && value !== 'default';
  return Object.values(value).some(asksForSomething);
}

function checkDns({ DNSConfig, Hosts }: Pick<ContainerDocument, 'DNSConfig' | 'Hosts'>): void {
  const hasBreak = (line: string): boolean => /[\r\n\0]/.test(line);
  for (const [name, lines] of Object.entries({ ...DNSConfig, Hosts })) {
    // These become lines of files; one that holds a line break would become several.
    if (lines?.some(hasBreak))
      throw invalid(`${FIELD}.${name}`, 'entries must not contain line breaks');
  }
}

function parseMounts(mounts: readonly MountDocument[]): readonly Mount[] {
  const targets = new Set<string>();
  return mounts.map((mount, index) => {
    if (targets.has(mount.Target))
      throw invalid(
        `${FIELD}.Mounts[${index}].Target`,
        'duplicate mount point',
        `ContainerSpec: duplicate mount point: ${mount.Target}`,
      );
    targets.add(mount.Target);
    return parseMount(mount, `${FIELD}.Mounts[${index}]`);
  });
}

function parseMount(mount: MountDocument, field: string): Mount {
  const { Type, Source = '', Target, VolumeOptions, BindOptions, ...rest } = mount;
  if (Type !== 'bind' && Type !== 'volume' && Type !== 'tmpfs')
    throw unsupported(`${field}.Type`, `mounts of type ${JSON.stringify(Type)} are`);
  if (!Target.startsWith('/'))
    throw invalid(
      `${field}.Target`,
      'must be an absolute path',
      `invalid mount target, must be an absolute path: ${Target}`,
    );
  if (Type === 'bind' && !Source.startsWith('/'))
    throw invalid(
      `${field}.Source`,
      'must be an absolute path',
      `invalid bind mount source, must be an absolute path: ${Source}`,
    );
  if (Type === 'volume' && Source.includes('/'))
    throw invalid(
      `${field}.Source`,
      'must be a volume name, not a path',
      `invalid volume mount source, must not be an absolute path: ${Source}`,
    );
  if (Type === 'tmpfs' && Source !== '')
    throw invalid(`${field}.Source`, 'must be empty', 'invalid tmpfs source, source must be empty');
  checkMountOptions({ VolumeOptions, BindOptions }, field);
  return withoutUndefined({ Type, Source: Source || undefined, Target, ...rest }) as Mount;
}

function checkMountOptions(
  options: Pick<MountDocument, 'VolumeOptions' | 'BindOptions'>,
  field: string,
): void {
  const { DriverConfig, Subpath = '' } = options.VolumeOptions ?? {};
  const driver = DriverConfig?.Name ?? '';
  const hasOptions = Object.keys(DriverConfig?.Options ?? {}).length > 0;
  if ((driver !== '' && driver !== 'local') || hasOptions)
    throw unsupported(
      `${field}.VolumeOptions.DriverConfig`,
      'volume drivers and their options are',
    );
  if (Subpath !== '') throw unsupported(`${field}.VolumeOptions.Subpath`, 'volume subpaths are');
  const propagation = options.BindOptions?.Propagation ?? '';
  if (propagation !== '' && propagation !== 'rprivate')
    throw unsupported(`${field}.BindOptions.Propagation`, `propagation ${propagation} is`);
}

function withoutUndefined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
