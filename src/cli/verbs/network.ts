/** `hawser network`: overlay networks. */
import { Command } from 'commander';
import { objectPath, type CliContext } from '../context.ts';
import { filterQuery, parseLabels } from '../parse/words.ts';
import { usageError } from '../errors.ts';
import { shortId } from '../print/words.ts';
import type { NetworkDocument } from '../api/documents.ts';
import { printList } from '../api/listing.ts';
import {
  collect,
  filterOption,
  formatOption,
  jsonOption,
  quietOption,
  type ListOptions,
} from './options.ts';

interface CreateOptions {
  readonly driver: string;
  readonly subnet: readonly string[];
  readonly gateway: readonly string[];
  readonly ipRange: readonly string[];
  readonly label: readonly string[];
  readonly opt: readonly string[];
  readonly attachable?: boolean;
  readonly internal?: boolean;
  readonly ingress?: boolean;
  readonly ipv6?: boolean;
}

export function networkCommand(context: CliContext): Command {
  const network = new Command('network').description('manage networks');
  network
    .command('create')
    .description('make a network')
    .argument('<name>', 'of the network')
    .option('-d, --driver <driver>', 'only overlay', 'overlay')
    .option('--subnet <cidr>', 'its subnet; may repeat', collect, [])
    .option('--gateway <address>', 'gateway of the subnet in the same place', collect, [])
    .option('--ip-range <cidr>', 'part of the subnet that tasks get addresses from', collect, [])
    .option('--label <key=value>', 'label; may repeat', collect, [])
    .option('-o, --opt <key=value>', 'option of the driver; may repeat', collect, [])
    .option('--attachable', 'containers outside of services may join')
    .option('--internal', 'no way to the outside')
    .option('--ingress', 'the network of published ports')
    .option('--ipv6', 'IPv6 as well')
    .action((name: string, options: CreateOptions) => create(context, name, options));
  network
    .command('ls')
    .description('list networks')
    .addOption(filterOption())
    .addOption(quietOption())
    .addOption(jsonOption())
    .addOption(formatOption())
    .action((options: ListOptions) => list(context, options));
  network
    .command('inspect')
    .description('show everything about networks')
    .argument('<network...>', 'id or name')
    .option('-v, --verbose', 'with services and tasks')
    .addOption(formatOption())
    .action(async (names: string[], options: { format?: string; verbose?: boolean }) => {
      const query = { verbose: options.verbose };
      const found = await Promise.all(
        names.map((name) => context.get(objectPath('networks', name), query)),
      );
      context.printInspected(found, options.format);
    });
  network
    .command('rm')
    .description('remove networks')
    .argument('<network...>', 'id or name')
    .action(async (names: string[]) => {
      for (const name of names) {
        await context.send({ method: 'DELETE', path: objectPath('networks', name) });
        context.print(name);
      }
    });
  return network;
}

async function create(context: CliContext, name: string, options: CreateOptions): Promise<void> {
  const { subnet, gateway, ipRange } = options;
  if (gateway.length > subnet.length) throw usageError('--gateway', 'there is no --subnet for it');
  if (ipRange.length > subnet.length) throw usageError('--ip-range', 'there is no --subnet for it');
  const config = subnet.map((Subnet, at) => ({
    Subnet,
    ...(gateway[at] === undefined ? {} : { Gateway: gateway[at] }),
    ...(ipRange[at] === undefined ? {} : { IPRange: ipRange[at] }),
  }));
  const created = await context.send<{ Id: string; Warning?: string }>({
    method: 'POST',
    path: '/networks/create',
    body: {
      Name: name,
      Driver: options.driver,
      Scope: 'swarm',
      IPAM: { Driver: 'default', Options: {}, Config: config },
      Options: parseLabels('--opt', options.opt),
      Labels: parseLabels('--label', options.label),
      Internal: options.internal === true,
      Attachable: options.attachable === true,
      Ingress: options.ingress === true,
      EnableIPv6: options.ipv6 === true,
    },
  });
  if (created.Warning !== undefined && created.Warning !== '') context.note(created.Warning);
  context.print(created.Id);
}

async function list(context: CliContext, options: ListOptions): Promise<void> {
  const networks = await context.get<NetworkDocument[]>('/networks', filterQuery(options.filter));
  const sorted = [...networks].sort((a, b) => a.Name.localeCompare(b.Name));
  printList(context, sorted, {
    options,
    listing: {
      header: ['NETWORK ID', 'NAME', 'DRIVER', 'SCOPE'],
      id: ({ Id }) => shortId(Id),
      row: ({ Id, Name, Driver, Scope }) => [shortId(Id), Name, Driver, Scope],
    },
  });
}
