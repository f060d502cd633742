/** `hawser attach`, `detach`, `attachments`: namespaces of this node on networks of the cluster. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { objectPath, type CliContext } from '../context.ts';
import { printList } from '../api/listing.ts';
import { usageError } from '../errors.ts';
import { shortId } from '../print/words.ts';
import { formatOption, jsonOption, quietOption, type ListOptions } from './options.ts';

const PATH = '/hawser/attachments';

interface AttachmentDocument {
  readonly ID: string;
  readonly Name: string;
  readonly State: string;
  readonly NetworkNamespace: string;
  readonly Interface: string;
  readonly NetworkID: string;
  readonly Network: string;
  readonly IPAddress: string;
}

interface AttachOptions {
  readonly netns: string;
  readonly network: string;
  readonly name?: string;
  readonly ip?: string;
  readonly service?: string;
  readonly json?: boolean;
}

interface DetachOptions {
  readonly netns?: string;
  readonly network?: string;
}

export function attachCommands(context: CliContext): readonly Command[] {
  return [attachCommand(context), detachCommand(context), listCommand(context)];
}

function attachCommand(context: CliContext): Command {
  return new Command('attach')
    .description('put a network namespace of this node on an attachable network')
    .requiredOption('--netns <path>', 'the namespace: /run/netns/NAME, /proc/PID/ns/net')
    .requiredOption('--network <network>', 'id or name of the network')
    .option('--name <name>', 'what it is called in DNS (default: its id)')
    .option('--ip <address>', 'a fixed address instead of the next free one')
    .option('--service <service>', 'makes it one of the backends of this service')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nThe namespace gets an interface (hawser0, …) and a resolver on 127.0.0.11; nothing else in ' +
        'it is touched.\nNames need "nameserver 127.0.0.11" in the resolv.conf that its programs ' +
        'read, for `ip netns exec NAME`\n/etc/netns/NAME/resolv.conf. It stays attached until ' +
        '`hawser detach`, or until the namespace is gone.',
    )
    .action(async (options: AttachOptions) => {
      const attached = await context.send<AttachmentDocument>({
        method: 'POST',
        path: PATH,
        body: {
          NetworkNamespace: resolve(options.netns),
          Network: options.network,
          Name: options.name,
          IPAddress: options.ip,
          Service: options.service,
        },
      });
      const { Name, Interface, IPAddress } = attached;
      context.print(options.json ? JSON.stringify(attached) : `${Name} ${Interface} ${IPAddress}`);
    });
}

function detachCommand(context: CliContext): Command {
  return new Command('detach')
    .description('take namespaces off their networks')
    .argument('[attachment...]', 'name or id')
    .option('--netns <path>', 'everything that is attached in this namespace')
    .option('--network <network>', 'with --netns: only from this network (id or name)')
    .action(async (names: readonly string[], options: DetachOptions) => {
      if ((names.length === 0) === (options.netns === undefined))
        throw usageError('detach', 'name attachments, or give --netns');
      const chosen = options.netns === undefined ? names : await idsIn(context, options);
      for (const name of chosen) {
        await context.send({ method: 'DELETE', path: objectPath(PATH.slice(1), name) });
        context.print(name);
      }
    });
}

async function idsIn(
  context: CliContext,
  { netns = '', network }: DetachOptions,
): Promise<string[]> {
  const all = await context.get<AttachmentDocument[]>(PATH);
  const path = resolve(netns);
  const found = all.filter(
    (each) =>
      each.NetworkNamespace === path &&
      (network === undefined || [each.Network, each.NetworkID].includes(network)),
  );
  if (found.length === 0) throw usageError('--netns', `nothing is attached in ${path}`);
  return found.map(({ ID }) => ID);
}

function listCommand(context: CliContext): Command {
  return new Command('attachments')
    .description('list what is attached on this node')
    .addOption(quietOption())
    .addOption(jsonOption())
    .addOption(formatOption())
    .action(async (options: ListOptions) => {
      const all = await context.get<AttachmentDocument[]>(PATH);
      printList(context, all, {
        options,
        listing: {
          header: ['ID', 'NAME', 'NETWORK', 'ADDRESS', 'INTERFACE', 'NAMESPACE', 'STATE'],
          id: ({ ID }) => shortId(ID),
          row: (each) => [
            ...[shortId(each.ID), each.Name, each.Network, each.IPAddress],
            ...[each.Interface, each.NetworkNamespace, each.State],
          ],
        },
      });
    });
}
