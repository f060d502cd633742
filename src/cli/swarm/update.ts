/** `hawser swarm update`: changes the cluster's settings. */
import { Command, Option } from 'commander';
import type { CliContext } from '../context.ts';
import { printUnlockCommand } from './lock.ts';
import { addSettingFlags, withSettings, type SettingFlags } from './settings.ts';
import { sendUpdate, type SwarmDocument } from './swarm-document.ts';

interface UpdateFlags extends SettingFlags {
  readonly autolock?: 'true' | 'false' | true;
}

export function updateCommand(context: CliContext): Command {
  const command = new Command('update')
    .description("change the cluster's settings")
    .addOption(
      new Option('--autolock [word]', "whether managers' keys are locked").choices([
        'true',
        'false',
      ]),
    );
  return addSettingFlags(command).action((flags: UpdateFlags) => update(context, flags, command));
}

async function update(context: CliContext, flags: UpdateFlags, command: Command): Promise<void> {
  if (command.options.every((option) => isUntouched(command, option))) return command.help();
  const swarm = await context.get<SwarmDocument>('/swarm');
  const isLocked = swarm.Spec.EncryptionConfig?.AutoLockManagers === true;
  const { autolock } = flags;
  const willLock = autolock === undefined ? isLocked : autolock !== 'false';
  const spec = withSettings(swarm.Spec, flags, swarm.TLSInfo.TrustRoot);
  const EncryptionConfig = { AutoLockManagers: willLock };
  await sendUpdate(context, swarm, { spec: { ...spec, EncryptionConfig } });
  context.print('Swarm updated.');
  if (willLock && !isLocked) await printUnlockCommand(context);
}

function isUntouched(command: Command, option: Option): boolean {
  const source = command.getOptionValueSource(option.attributeName());
  return source === undefined || source === 'default';
}
