import { z } from 'zod';
import { cidr4Contains, tryParseCidr4, tryParseIpv4, type Cidr4 } from '../../base/index.ts';
import type { IpamConfig, NetworkSpec } from '../specs.ts';
import { labels, readDocument, text } from './document.ts';
import { checkName } from './names.ts';
import { invalid, unsupported } from './spec-error.ts';

const ipamConfig = z.object({
  Subnet: text.optional(),
  IPRange: text.optional(),
  Gateway: text.optional(),
  AuxiliaryAddresses: labels.optional(),
});

const networkDocument = z.object({
  Name: text.default(''),
  Labels: labels.default({}),
  Driver: text.default(''),
  Options: labels.default({}),
  Scope: text.optional(),
  Internal: z.boolean().default(false),
  Attachable: z.boolean().default(false),
  Ingress: z.boolean().default(false),
  EnableIPv4: z.boolean().default(true),
  EnableIPv6: z.boolean().default(false),
  ConfigOnly: z.boolean().default(false),
  ConfigFrom: z.object({ Network: text.default('') }).optional(),
  IPAM: z
    .object({
      Driver: text.default(''),
      Options: labels.default({}),
      Config: z.array(ipamConfig).max(100).default([]),
    })
    .default({ Driver: '', Options: {}, Config: [] }),
});

type NetworkDocument = z.output<typeof networkDocument>;

const PREDEFINED = new Set(['bridge', 'host', 'none', 'default']);
const MTU_OPTION = 'com.docker.network.driver.mtu';
/** IPv4 works from 68 bytes up; frames have 16 bits of length. */
const MTU_MIN = 68;
const MTU_MAX = 65_535;
/** Longest prefix with room for a gateway and an endpoint. */
const SUBNET_BITS_MAX = 30;

/** Reads the body of `POST /networks/create`. Throws `SpecError`. */
export function parseNetworkSpec(json: unknown): NetworkSpec {
  const document = readDocument(networkDocument, json);
  const { Name, Labels, Options, Internal, Attachable, Ingress, IPAM } = document;
  if (PREDEFINED.has(Name))
    throw invalid(
      'Name',
      'must not be that of a predefined network',
      `operation is not permitted on predefined ${Name} network`,
    );
  checkName(Name);
  checkKind(document);
  checkOptions(Options);
  if (Ingress && Attachable)
    throw invalid(
      'Attachable',
      'ingress network cannot be attachable',
      'ingress network cannot be attachable',
    );
  if (IPAM.Driver !== '' && IPAM.Driver !== 'default')
    throw invalid('IPAM.Driver', 'only the default driver exists', 'invalid IPAM specified');
  return {
    Name,
    Labels,
    Driver: 'overlay',
    Options,
    Internal,
    Attachable,
    Ingress,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: IPAM.Options, Config: IPAM.Config.map(parseIpam) },
  };
}

function checkKind(document: NetworkDocument): void {
  const { Driver, Scope = '', ConfigOnly, ConfigFrom } = document;
  if (Driver !== '' && Driver !== 'overlay')
    throw unsupported('Driver', `networks with the driver ${JSON.stringify(Driver)} are`);
  if (Scope !== '' && Scope !== 'swarm' && Scope !== 'global')
    throw unsupported('Scope', `overlay networks of scope ${JSON.stringify(Scope)} are`);
  if (ConfigOnly) throw unsupported('ConfigOnly', 'configuration-only networks are');
  if (ConfigFrom !== undefined && ConfigFrom.Network !== '')
    throw unsupported('ConfigFrom', 'configuration from another network is');
  if (!document.EnableIPv4) throw unsupported('EnableIPv4', 'networks without IPv4 are');
  if (document.EnableIPv6) throw unsupported('EnableIPv6', 'IPv6 in overlay networks is');
}

function checkOptions(options: NetworkDocument['Options']): void {
  // A network that is asked to be encrypted must never carry clear text.
  if (Object.hasOwn(options, 'encrypted') && options['encrypted'] !== 'false')
    throw unsupported('Options.encrypted', 'encrypted networks are');
  const mtu = options[MTU_OPTION];
  if (mtu === undefined) return;
  if (!/^[0-9]{1,5}$/.test(mtu) || Number(mtu) < MTU_MIN || Number(mtu) > MTU_MAX)
    throw invalid(`Options.${MTU_OPTION}`, `must be a number from ${MTU_MIN} to ${MTU_MAX}`);
}

function parseIpam(config: z.output<typeof ipamConfig>, index: number): IpamConfig {
  const field = `IPAM.Config[${index}]`;
  const { Subnet = '', IPRange = '', Gateway = '', AuxiliaryAddresses = {} } = config;
  if (Object.keys(AuxiliaryAddresses).length > 0)
    throw unsupported(`${field}.AuxiliaryAddresses`, 'auxiliary addresses are');
  if (Subnet === '') {
    if (IPRange !== '' || Gateway !== '')
      throw invalid(
        field,
        'a range or gateway needs a subnet',
        'ipam configuration: invalid subnet ',
      );
    return {};
  }
  if (Subnet.includes(':')) throw unsupported(`${field}.Subnet`, 'IPv6 in overlay networks is');
  const subnet = tryParseCidr4(Subnet);
  if (subnet === undefined || subnet.bits > SUBNET_BITS_MAX)
    throw invalid(
      `${field}.Subnet`,
      `must be an IPv4 prefix without host bits, /${SUBNET_BITS_MAX} at the longest`,
      `ipam configuration: invalid subnet ${Subnet}`,
    );
  checkInside({ subnet, IPRange, Gateway }, field, Subnet);
  return { Subnet, ...(IPRange && { IPRange }), ...(Gateway && { Gateway }) };
}

function checkInside(
  { subnet, IPRange, Gateway }: { subnet: Cidr4; IPRange: string; Gateway: string },
  field: string,
  Subnet: string,
): void {
  const range = IPRange === '' ? undefined : tryParseCidr4(IPRange);
  if (IPRange !== '' && range === undefined)
    throw invalid(
      `${field}.IPRange`,
      'must be an IPv4 prefix without host bits',
      `ipam configuration: invalid range ${IPRange}`,
    );
  if (range !== undefined && (range.bits < subnet.bits || !cidr4Contains(subnet, range.base)))
    throw invalid(
      `${field}.IPRange`,
      'must lie in the subnet',
      `ipam configuration: subnet ${Subnet} does not contain range ${IPRange}`,
    );
  const gateway = Gateway === '' ? undefined : tryParseIpv4(Gateway);
  if (Gateway !== '' && gateway === undefined)
    throw invalid(
      `${field}.Gateway`,
      'must be an IPv4 address',
      `ipam configuration: invalid gateway ${Gateway}`,
    );
  if (gateway !== undefined && !cidr4Contains(subnet, gateway))
    throw invalid(
      `${field}.Gateway`,
      'must lie in the subnet',
      `ipam configuration: subnet ${Subnet} does not contain gateway ${Gateway}`,
    );
}
