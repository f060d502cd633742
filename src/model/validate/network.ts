import { z } from 'zod';
import {
  cidr,
  cidrContains,
  cidrOverlaps,
  familyOfText,
  tryParseCidr,
  tryParseIp,
  type Cidr,
} from '../../base/index.ts';
import type { IpamConfig, Labels, NetworkSpec } from '../specs.ts';
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
/** IPv6's least, 1280, beside what VXLAN over IPv6 adds. */
const MTU_MIN_IPV6 = 1350;
const MTU_MAX = 65_535;
/** Longest prefixes with room for a gateway and an endpoint. */
const SUBNET_BITS_MAX = { 4: 30, 6: 126 } as const;
/** Prefixes whose addresses mean something else than one host of a network. */
const NOT_UNICAST6 = ['fe80::/10', 'ff00::/8', '::/8'].map(cidr);

/** Reads the body of `POST /networks/create`. Throws `SpecError`. */
export function parseNetworkSpec(json: unknown): NetworkSpec {
  const document = readDocument(networkDocument, json);
  const { Name, Labels, Options, Internal, Attachable, Ingress, EnableIPv6, IPAM } = document;
  if (PREDEFINED.has(Name))
    throw invalid(
      'Name',
      'must not be that of a predefined network',
      `operation is not permitted on predefined ${Name} network`,
    );
  checkName(Name);
  checkKind(document);
  checkOptions(Options, EnableIPv6);
  if (Ingress && Attachable)
    throw invalid(
      'Attachable',
      'ingress network cannot be attachable',
      'ingress network cannot be attachable',
    );
  if (IPAM.Driver !== '' && IPAM.Driver !== 'default')
    throw invalid('IPAM.Driver', 'only the default driver exists', 'invalid IPAM specified');
  const Config = IPAM.Config.map(parseIpam);
  checkFamilies(Config, EnableIPv6);
  return {
    Name,
    Labels,
    Driver: 'overlay',
    Options,
    Internal,
    Attachable,
    Ingress,
    EnableIPv6,
    IPAM: { Driver: 'default', Options: IPAM.Options, Config },
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
}

/** An IPv6 subnet without IPv6 would be silently of no use. */
function checkFamilies(configs: readonly IpamConfig[], EnableIPv6: boolean): void {
  const index = configs.findIndex(({ Subnet = '' }) => familyOfText(Subnet) === 6);
  if (index >= 0 && !EnableIPv6)
    throw invalid(
      `IPAM.Config[${index}].Subnet`,
      'an IPv6 subnet needs EnableIPv6 (docker network create --ipv6)',
      `ipam configuration: IPv6 subnet ${configs[index]?.Subnet ?? ''} without --ipv6`,
    );
}

function checkOptions(options: NetworkDocument['Options'], EnableIPv6: boolean): void {
  // A network that is asked to be encrypted must never carry clear text.
  if (Object.hasOwn(options, 'encrypted') && options['encrypted'] !== 'false')
    throw unsupported('Options.encrypted', 'encrypted networks are');
  const mtu = options[MTU_OPTION];
  if (mtu === undefined) return;
  const least = EnableIPv6 ? MTU_MIN_IPV6 : MTU_MIN;
  if (!/^[0-9]{1,5}$/.test(mtu) || Number(mtu) < least || Number(mtu) > MTU_MAX)
    throw invalid(`Options.${MTU_OPTION}`, `must be a number from ${least} to ${MTU_MAX}`);
}

function parseIpam(config: z.output<typeof ipamConfig>, index: number): IpamConfig {
  const field = `IPAM.Config[${index}]`;
  const { Subnet = '', IPRange = '', Gateway = '', AuxiliaryAddresses = {} } = config;
  const hasAuxiliary = Object.keys(AuxiliaryAddresses).length > 0;
  if (Subnet === '') {
    if (IPRange !== '' || Gateway !== '' || hasAuxiliary)
      throw invalid(
        field,
        'a range, a gateway or auxiliary addresses need a subnet',
        'ipam configuration: invalid subnet ',
      );
    return {};
  }
  const subnet = tryParseCidr(Subnet);
  const family = familyOfText(Subnet);
  if (subnet === undefined || subnet.bits > SUBNET_BITS_MAX[family])
    throw invalid(
      `${field}.Subnet`,
      `must be an IPv${family} prefix without host bits, /${SUBNET_BITS_MAX[family]} at the longest`,
      `ipam configuration: invalid subnet ${Subnet}`,
    );
  if (NOT_UNICAST6.some((other) => cidrOverlaps(other, subnet)))
    throw invalid(
      `${field}.Subnet`,
      'must hold unicast addresses only, and no link-local ones',
      `ipam configuration: invalid subnet ${Subnet}`,
    );
  checkInside({ subnet, IPRange, Gateway }, field, Subnet);
  checkAuxiliary(subnet, AuxiliaryAddresses, `${field}.AuxiliaryAddresses`);
  return {
    Subnet,
    ...(IPRange && { IPRange }),
    ...(Gateway && { Gateway }),
    ...(hasAuxiliary && { AuxiliaryAddresses }),
  };
}

function checkAuxiliary(subnet: Cidr, addresses: Labels, field: string): void {
  for (const [name, text] of Object.entries(addresses)) {
    const address = tryParseIp(text);
    const problem = `ipam configuration: invalid auxiliary address ${name}=${text}`;
    if (address === undefined) throw invalid(field, 'must be IP addresses', problem);
    if (!cidrContains(subnet, address))
      throw invalid(field, 'must lie in the subnet', `${problem}: it is outside of the subnet`);
  }
}

function checkInside(
  { subnet, IPRange, Gateway }: { subnet: Cidr; IPRange: string; Gateway: string },
  field: string,
  Subnet: string,
): void {
  const range = IPRange === '' ? undefined : tryParseCidr(IPRange);
  if (IPRange !== '' && range === undefined)
    throw invalid(
      `${field}.IPRange`,
      'must be a prefix without host bits',
      `ipam configuration: invalid range ${IPRange}`,
    );
  if (range !== undefined && (range.bits < subnet.bits || !cidrContains(subnet, range.base)))
    throw invalid(
      `${field}.IPRange`,
      'must lie in the subnet',
      `ipam configuration: subnet ${Subnet} does not contain range ${IPRange}`,
    );
  const gateway = Gateway === '' ? undefined : tryParseIp(Gateway);
  if (Gateway !== '' && gateway === undefined)
    throw invalid(
      `${field}.Gateway`,
      'must be an IP address',
      `ipam configuration: invalid gateway ${Gateway}`,
    );
  if (gateway !== undefined && !cidrContains(subnet, gateway))
    throw invalid(
      `${field}.Gateway`,
      'must lie in the subnet',
      `ipam configuration: subnet ${Subnet} does not contain gateway ${Gateway}`,
    );
}
