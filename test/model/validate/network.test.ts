import test from 'ava';
import { parseNetworkSpec, SpecError } from '../../../src/model/index.ts';

test('a name is enough: an overlay network with a subnet of the cluster’s choice', (t) => {
  t.deepEqual(parseNetworkSpec({ Name: 'demo' }), {
    Name: 'demo',
    Labels: {},
    Driver: 'overlay',
    Options: {},
    Internal: false,
    Attachable: false,
    Ingress: false,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: {}, Config: [] },
  });
});

test('a document as the docker CLI sends it keeps what it says', (t) => {
  const spec = parseNetworkSpec({
    Name: 'shop_default',
    CheckDuplicate: true,
    Driver: 'overlay',
    Scope: '',
    EnableIPv4: null,
    EnableIPv6: false,
    IPAM: {
      Driver: 'default',
      Options: {},
      Config: [
        {
          Subnet: '10.9.0.0/16',
          IPRange: '10.9.5.0/24',
          Gateway: '10.9.0.254',
          AuxiliaryAddresses: null,
        },
        {},
      ],
    },
    Internal: true,
    Attachable: true,
    Ingress: false,
    ConfigOnly: false,
    ConfigFrom: null,
    Options: { 'com.docker.network.driver.mtu': '1400', encrypted: 'false' },
    Labels: { a: 'b' },
  });
  t.true(spec.Internal && spec.Attachable);
  t.deepEqual(spec.IPAM.Config, [
    { Subnet: '10.9.0.0/16', IPRange: '10.9.5.0/24', Gateway: '10.9.0.254' },
    {},
  ]);
  t.is(spec.Options['com.docker.network.driver.mtu'], '1400');
});

const ipam = (config: object): unknown => ({ Name: 'x', IPAM: { Config: [config] } });

const refusals: readonly {
  readonly json: unknown;
  readonly field: string;
  readonly code?: 'unsupported-spec';
  readonly text?: string;
}[] = [
  { json: undefined, field: '' },
  { json: {}, field: 'Name', text: 'name must be provided' },
  {
    json: { Name: 'bridge' },
    field: 'Name',
    text: 'operation is not permitted on predefined bridge network',
  },
  { json: { Name: '../x' }, field: 'Name', text: 'name must be valid as a DNS name component' },
  { json: { Name: 'x', Driver: 'bridge' }, field: 'Driver', code: 'unsupported-spec' },
  { json: { Name: 'x', Scope: 'local' }, field: 'Scope', code: 'unsupported-spec' },
  { json: { Name: 'x', ConfigOnly: true }, field: 'ConfigOnly', code: 'unsupported-spec' },
  {
    json: { Name: 'x', ConfigFrom: { Network: 'y' } },
    field: 'ConfigFrom',
    code: 'unsupported-spec',
  },
  { json: { Name: 'x', EnableIPv6: true }, field: 'EnableIPv6', code: 'unsupported-spec' },
  { json: { Name: 'x', EnableIPv4: false }, field: 'EnableIPv4', code: 'unsupported-spec' },
  {
    json: { Name: 'x', Options: { encrypted: '' } },
    field: 'Options.encrypted',
    code: 'unsupported-spec',
  },
  {
    json: { Name: 'x', Options: { 'com.docker.network.driver.mtu': 'big' } },
    field: 'Options.com.docker.network.driver.mtu',
  },
  {
    json: { Name: 'x', Options: { 'com.docker.network.driver.mtu': '67' } },
    field: 'Options.com.docker.network.driver.mtu',
  },
  {
    json: { Name: 'x', Ingress: true, Attachable: true },
    field: 'Attachable',
    text: 'ingress network cannot be attachable',
  },
  {
    json: { Name: 'x', IPAM: { Driver: 'dhcp' } },
    field: 'IPAM.Driver',
    text: 'invalid IPAM specified',
  },
  {
    json: ipam({ Subnet: '10.9.0.1/24' }),
    field: 'IPAM.Config[0].Subnet',
    text: 'ipam configuration: invalid subnet 10.9.0.1/24',
  },
  { json: ipam({ Subnet: '10.9.0.0/31' }), field: 'IPAM.Config[0].Subnet' },
  { json: ipam({ Subnet: '10.9.0.0' }), field: 'IPAM.Config[0].Subnet' },
  {
    json: ipam({ Subnet: 'fd00::/64' }),
    field: 'IPAM.Config[0].Subnet',
    code: 'unsupported-spec',
  },
  { json: ipam({ Gateway: '10.9.0.1' }), field: 'IPAM.Config[0]' },
  {
    json: ipam({ Subnet: '10.9.0.0/24', Gateway: '10.8.0.1' }),
    field: 'IPAM.Config[0].Gateway',
    text: 'ipam configuration: subnet 10.9.0.0/24 does not contain gateway 10.8.0.1',
  },
  {
    json: ipam({ Subnet: '10.9.0.0/24', Gateway: 'x' }),
    field: 'IPAM.Config[0].Gateway',
    text: 'ipam configuration: invalid gateway x',
  },
  {
    json: ipam({ Subnet: '10.9.0.0/24', IPRange: '10.0.0.0/8' }),
    field: 'IPAM.Config[0].IPRange',
    text: 'ipam configuration: subnet 10.9.0.0/24 does not contain range 10.0.0.0/8',
  },
  {
    json: ipam({ Subnet: '10.9.0.0/24', IPRange: 'x' }),
    field: 'IPAM.Config[0].IPRange',
    text: 'ipam configuration: invalid range x',
  },
  {
    json: ipam({ Subnet: '10.9.0.0/24', AuxiliaryAddresses: { a: '10.9.0.9' } }),
    field: 'IPAM.Config[0].AuxiliaryAddresses',
    code: 'unsupported-spec',
  },
];

for (const [index, { json, field, code = 'invalid-spec', text }] of refusals.entries()) {
  test(`refused at ${field || 'the document'} (${index})`, (t) => {
    const error = t.throws(() => parseNetworkSpec(json), { instanceOf: SpecError });
    t.is(error.detail.field, field);
    t.is(error.detail.code, code);
    if (text !== undefined) t.is(error.message, text);
  });
}
