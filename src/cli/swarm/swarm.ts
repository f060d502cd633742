/** `hawser swarm`: forming, joining and leaving a cluster. */
import { Argument, Command } from 'commander';
import type { CliContext } from '../context.ts';
import { parseCount } from '../parse/quantities.ts';
import { collect } from '../verbs/options.ts';
import type { InfoDocument } from '../api/documents.ts';
import { caCommand } from './authority.ts';
import { printUnlockCommand, unlockCommand, unlockKeyCommand } from './lock.ts';
import { addSettingFlags, withSettings, type SettingFlags } from './settings.ts';
import { sendUpdate, type SwarmDocument } from './swarm-document.ts';
import { updateCommand } from './update.ts';

const LISTEN = [
  '--listen-addr <address>',
  'listen address of the cluster',
  '0.0.0.0:2377',
] as const;
const ADVERTISE = ['--advertise-addr <address>', 'address told to the other nodes'] as const;
const DATA_PATH = ['--data-path-addr <address>', 'address or interface of the data path'] as const;

interface AddressOptions {
  readonly listenAddr: string;
  readonly advertiseAddr?: string;
  readonly dataPathAddr?: string;
}

interface JoinOptions extends AddressOptions {
  readonly token: string;
  readonly availability: string;
}

interface InitOptions extends AddressOptions, SettingFlags {
  readonly availability: string;
  readonly dataPathPort?: string;
  readonly defaultAddrPool: readonly string[];
  readonly defaultAddrPoolMaskLength?: string;
  readonly forceNewCluster?: boolean;
  readonly autolock?: boolean;
}

export function swarmCommand(context: CliContext): Command {
  const swarm = new Command('swarm').description('manage the cluster');
  swarm.addCommand(initCommand(context));
  swarm
    .command('join')
    .description('join a cluster as a worker or manager')
    .argument('<address>', 'a manager, as 10.0.0.1:2377')
    .requiredOption('--token <token>', 'from `hawser swarm join-token`')
    .option(...LISTEN)
    .option(...ADVERTISE)
    .option(...DATA_PATH)
    .option('--availability <word>', 'active, pause or drain', 'active')
    .action((address: string, options: JoinOptions) => join(context, address, options));
  swarm
    .command('join-token')
    .description('show how nodes join')
    .addArgument(new Argument('<role>', 'of the joining node').choices(['worker', 'manager']))
    .option('-q, --quiet', 'only the token')
    .option('--rotate', 'make a new token first; the old one is worthless then')
    .action((role: 'worker' | 'manager', options: { quiet?: boolean; rotate?: boolean }) =>
      joinToken(context, role, options),
    );
  swarm
    .command('leave')
    .description('leave the cluster')
    .option('-f, --force', 'leave even as a manager, or with tasks')
    .action(async (options: { force?: boolean }) => {
      const query = { force: options.force === true };
      await context.send({ method: 'POST', path: '/swarm/leave', query });
      context.print('Node left the swarm.');
    });
  swarm.addCommand(updateCommand(context));
  swarm.addCommand(caCommand(context));
  swarm.addCommand(unlockCommand(context));
  swarm.addCommand(unlockKeyCommand(context));
  return swarm;
}

function initCommand(context: CliContext): Command {
  const command = new Command('init')
    .description('make a cluster of this node')
    .option(...LISTEN)
    .option(...ADVERTISE)
    .option(...DATA_PATH)
    .option('--data-path-port <port>', 'UDP port of the data path (default 4789)')
    .option('--default-addr-pool <cidr>', 'pool that subnets are cut from; may repeat', collect, [])
    .option('--default-addr-pool-mask-length <bits>', 'length of the subnets (default 24)')
    .option('--availability <word>', 'active, pause or drain', 'active')
    .option(
      '--force-new-cluster',
      'go on alone with the state of this manager, when the others are lost for good',
    )
    .option('--autolock', "lock managers' keys: one that restarts waits for the unlock key");
  return addSettingFlags(command).action((options: InitOptions) => init(context, options));
}

function addresses(options: AddressOptions): Record<string, string> {
  const listen = options.listenAddr;
  return {
    ListenAddr: /:\d+$/.test(listen) ? listen : `${listen}:2377`,
    AdvertiseAddr: options.advertiseAddr ?? '',
    DataPathAddr: options.dataPathAddr ?? '',
  };
}

async function init(context: CliContext, options: InitOptions): Promise<void> {
  const { dataPathPort: port, defaultAddrPoolMaskLength: bits } = options;
  const body = {
    ...addresses(options),
    Availability: options.availability,
    ForceNewCluster: options.forceNewCluster === true,
    DefaultAddrPool: options.defaultAddrPool,
    ...(port === undefined ? {} : { DataPathPort: parseCount('--data-path-port', port) }),
    ...(bits === undefined
      ? {}
      : { SubnetSize: parseCount('--default-addr-pool-mask-length', bits) }),
    AutoLockManagers: options.autolock === true,
    Spec: {
      ...withSettings({}, options, undefined),
      EncryptionConfig: { AutoLockManagers: options.autolock === true },
    },
  };
  const id = await context.send<string>({ method: 'POST', path: '/swarm/init', body });
  context.print(`Swarm initialized: current node (${id}) is now a manager.\n`);
  await printJoinCommand(context, 'worker');
  context.print(
    "To add a manager to this swarm, run 'hawser swarm join-token manager' and follow the " +
      'instructions.\n',
  );
  if (options.autolock === true) await printUnlockCommand(context);
}

async function join(context: CliContext, address: string, options: JoinOptions): Promise<void> {
  const { token: JoinToken, availability: Availability } = options;
  const remote = /:\d+$/.test(address) ? address : `${address}:2377`;
  const body = { ...addresses(options), RemoteAddrs: [remote], JoinToken, Availability };
  await context.send({ method: 'POST', path: '/swarm/join', body });
  const { Swarm } = await context.get<InfoDocument>('/info');
  context.print(`This node joined a swarm as a ${Swarm.ControlAvailable ? 'manager' : 'worker'}.`);
}

async function joinToken(
  context: CliContext,
  role: 'worker' | 'manager',
  options: { quiet?: boolean; rotate?: boolean },
): Promise<void> {
  if (options.rotate === true) await rotateToken(context, role);
  if (options.quiet === true) {
    context.print(await tokenOf(context, role));
    return;
  }
  if (options.rotate === true) context.print(`Successfully rotated ${role} join token.\n`);
  await printJoinCommand(context, role);
}

async function rotateToken(context: CliContext, role: 'worker' | 'manager'): Promise<void> {
  const swarm = await context.get<SwarmDocument>('/swarm');
  const rotate = role === 'worker' ? 'rotateWorkerToken' : 'rotateManagerToken';
  await sendUpdate(context, swarm, { spec: swarm.Spec, rotate });
}

async function tokenOf(context: CliContext, role: 'worker' | 'manager'): Promise<string> {
  const { JoinTokens } = await context.get<SwarmDocument>('/swarm');
  return role === 'worker' ? JoinTokens.Worker : JoinTokens.Manager;
}

async function printJoinCommand(context: CliContext, role: 'worker' | 'manager'): Promise<void> {
  const token = await tokenOf(context, role);
  const { Swarm } = await context.get<InfoDocument>('/info');
  context.print(`To add a ${role} to this swarm, run the following command:\n`);
  context.print(`    hawser swarm join --token ${token} ${Swarm.NodeAddr}:2377\n`);
}
