import test from 'ava';
import { parseServiceSpec, REPLICAS_MAX, SpecError } from '../../../src/model/index.ts';
import { document, withTask, withContainer, withPorts } from './service-documents.ts';

interface RefusalCase {
  readonly json: unknown;
  readonly field: string;
  readonly code?: 'unsupported-spec';
  /** Given where Docker has a text of its own. */
  readonly text?: string;
}

const manyLabels = Object.fromEntries(Array.from({ length: 10_001 }, (_, n) => [`l${n}`, '']));
let deep: unknown = {};
for (let level = 0; level < 40; level += 1) deep = { deep };

const refusals: readonly RefusalCase[] = [
  { json: null, field: '' },
  { json: [], field: '' },
  { json: 'text', field: '' },
  { json: document({ Labels: deep }), field: '' },
  { json: {}, field: 'TaskTemplate' },
  { json: document({ Name: '' }), field: 'Name', text: 'name must be provided' },
  {
    json: document({ Name: 'no.dots' }),
    field: 'Name',
    text: 'name must be valid as a DNS name component',
  },
  {
    json: document({ Name: 'trailing-' }),
    field: 'Name',
    text: 'name must be valid as a DNS name component',
  },
  {
    json: document({ Name: 'a'.repeat(64) }),
    field: 'Name',
    text: 'name must be 63 characters or fewer',
  },
  { json: document({ Name: 7 }), field: 'Name' },
  { json: document({ Labels: { a: 1 } }), field: 'Labels.a' },
  { json: document({ Labels: manyLabels }), field: 'Labels' },
  {
    json: document({ TaskTemplate: {} }),
    field: 'TaskTemplate.ContainerSpec',
    text: 'ContainerSpec: missing in service spec',
  },
  {
    json: withContainer({ Image: '' }),
    field: 'TaskTemplate.ContainerSpec.Image',
    text: 'ContainerSpec: image reference must be provided',
  },
  {
    json: withContainer({ Image: 'UPPER' }),
    field: 'TaskTemplate.ContainerSpec.Image',
    text: 'ContainerSpec: "UPPER" is not a valid repository/tag',
  },
  { json: withContainer({ Args: 'sh' }), field: 'TaskTemplate.ContainerSpec.Args' },
  { json: withContainer({ Env: [1] }), field: 'TaskTemplate.ContainerSpec.Env[0]' },
  {
    json: withContainer({ Hosts: ['1.2.3.4 a\n5.6.7.8 b'] }),
    field: 'TaskTemplate.ContainerSpec.Hosts',
  },
  {
    json: withContainer({ DNSConfig: { Search: ['a\nnameserver 6.6.6.6'] } }),
    field: 'TaskTemplate.ContainerSpec.Search',
  },
  {
    json: withContainer({ StopGracePeriod: -1 }),
    field: 'TaskTemplate.ContainerSpec.StopGracePeriod',
  },
  {
    json: withContainer({ Secrets: [{ SecretName: 's' }] }),
    field: 'TaskTemplate.ContainerSpec.Secrets',
    code: 'unsupported-spec',
  },
  {
    json: withContainer({ Configs: [{}] }),
    field: 'TaskTemplate.ContainerSpec.Configs',
    code: 'unsupported-spec',
  },
  {
    json: withContainer({ Healthcheck: { Test: ['CMD', 'true'] } }),
    field: 'TaskTemplate.ContainerSpec.Healthcheck',
    code: 'unsupported-spec',
  },
  {
    json: withContainer({ Privileges: { NoNewPrivileges: true } }),
    field: 'TaskTemplate.ContainerSpec.Privileges.NoNewPrivileges',
    code: 'unsupported-spec',
  },
  {
    json: withContainer({ Privileges: { SELinuxContext: { Level: 's0' } } }),
    field: 'TaskTemplate.ContainerSpec.Privileges.SELinuxContext',
    code: 'unsupported-spec',
  },
  {
    json: withContainer({ OomScoreAdj: 5 }),
    field: 'TaskTemplate.ContainerSpec.OomScoreAdj',
    code: 'unsupported-spec',
  },
  {
    json: withContainer({ Mounts: [{ Type: 'tmpfs', Target: 'relative' }] }),
    field: 'TaskTemplate.ContainerSpec.Mounts[0].Target',
    text: 'invalid mount target, must be an absolute path: relative',
  },
  {
    json: withContainer({ Mounts: [{ Type: 'bind', Source: 'x', Target: '/x' }] }),
    field: 'TaskTemplate.ContainerSpec.Mounts[0].Source',
    text: 'invalid bind mount source, must be an absolute path: x',
  },
  {
    json: withContainer({ Mounts: [{ Type: 'volume', Source: '../x', Target: '/x' }] }),
    field: 'TaskTemplate.ContainerSpec.Mounts[0].Source',
    text: 'invalid volume mount source, must not be an absolute path: ../x',
  },
  {
    json: withContainer({ Mounts: [{ Type: 'tmpfs', Source: 'x', Target: '/x' }] }),
    field: 'TaskTemplate.ContainerSpec.Mounts[0].Source',
    text: 'invalid tmpfs source, source must be empty',
  },
  {
    json: withContainer({ Mounts: [{ Type: 'npipe', Target: '/x' }] }),
    field: 'TaskTemplate.ContainerSpec.Mounts[0].Type',
    code: 'unsupported-spec',
  },
  {
    json: withContainer({
      Mounts: [
        { Type: 'tmpfs', Target: '/x' },
        { Type: 'tmpfs', Target: '/x' },
      ],
    }),
    field: 'TaskTemplate.ContainerSpec.Mounts[1].Target',
    text: 'ContainerSpec: duplicate mount point: /x',
  },
  {
    json: withContainer({
      Mounts: [
        {
          Type: 'volume',
          Source: 'v',
          Target: '/x',
          VolumeOptions: { DriverConfig: { Name: 'nfs' } },
        },
      ],
    }),
    field: 'TaskTemplate.ContainerSpec.Mounts[0].VolumeOptions.DriverConfig',
    code: 'unsupported-spec',
  },
  {
    json: withContainer({
      Mounts: [
        { Type: 'bind', Source: '/s', Target: '/x', BindOptions: { Propagation: 'shared' } },
      ],
    }),
    field: 'TaskTemplate.ContainerSpec.Mounts[0].BindOptions.Propagation',
    code: 'unsupported-spec',
  },
  {
    json: withTask({ Placement: { Constraints: ['node.role=worker'] } }),
    field: 'TaskTemplate.Placement.Constraints[0]',
    text: 'constraint expected one operator from ==, !=',
  },
  {
    json: withTask({ Placement: { Constraints: ['node.role==worker', 'no good==x'] } }),
    field: 'TaskTemplate.Placement.Constraints[1]',
    text: "key 'no good' is invalid",
  },
  {
    json: withTask({ RestartPolicy: { Delay: -1 } }),
    field: 'TaskTemplate.RestartPolicy.Delay',
    text: 'TaskSpec: restart-delay cannot be negative',
  },
  {
    json: withTask({ RestartPolicy: { Window: -1 } }),
    field: 'TaskTemplate.RestartPolicy.Window',
    text: 'TaskSpec: restart-window cannot be negative',
  },
  {
    json: withTask({ RestartPolicy: { Condition: 'sometimes' } }),
    field: 'TaskTemplate.RestartPolicy.Condition',
  },
  {
    json: withTask({ Resources: { Limits: { NanoCPUs: 1 } } }),
    field: 'TaskTemplate.Resources.Limits.NanoCPUs',
    text: 'invalid cpu value 1e-9: Must be at least 0.001',
  },
  {
    json: withTask({ Resources: { Reservations: { MemoryBytes: 1024 } } }),
    field: 'TaskTemplate.Resources.Reservations.MemoryBytes',
    text: 'invalid memory value 1024: Must be at least 4MiB',
  },
  {
    json: withTask({ Resources: { Reservations: { GenericResources: [{}] } } }),
    field: 'TaskTemplate.Resources.Reservations.GenericResources',
    code: 'unsupported-spec',
  },
  { json: withTask({ Networks: [{}] }), field: 'TaskTemplate.Networks[0].Target' },
  {
    json: withTask({ Runtime: 'plugin' }),
    field: 'TaskTemplate.PluginSpec',
    code: 'unsupported-spec',
  },
  {
    json: withTask({ NetworkAttachmentSpec: { ContainerID: 'x' } }),
    field: 'TaskTemplate.NetworkAttachmentSpec',
    code: 'unsupported-spec',
  },
  { json: withTask({ Runtime: 'magic' }), field: 'TaskTemplate.Runtime' },
  {
    json: document({ Mode: { ReplicatedJob: {} } }),
    field: 'Mode.ReplicatedJob',
    code: 'unsupported-spec',
  },
  {
    json: document({ Mode: { GlobalJob: {} } }),
    field: 'Mode.GlobalJob',
    code: 'unsupported-spec',
  },
  {
    json: document({ Mode: { Replicated: {}, Global: {} } }),
    field: 'Mode',
    text: 'must specify only one service mode',
  },
  {
    json: document({ Mode: { Replicated: { Replicas: -1 } } }),
    field: 'Mode.Replicated.Replicas',
    text: 'Number of replicas must be non-negative',
  },
  {
    json: document({ Mode: { Replicated: { Replicas: REPLICAS_MAX + 1 } } }),
    field: 'Mode.Replicated.Replicas',
  },
  {
    json: document({ Mode: { Replicated: { Replicas: 1.5 } } }),
    field: 'Mode.Replicated.Replicas',
  },
  {
    json: document({ UpdateConfig: { Delay: -1 } }),
    field: 'UpdateConfig.Delay',
    text: 'TaskSpec: update-delay cannot be negative',
  },
  {
    json: document({ RollbackConfig: { Monitor: -1 } }),
    field: 'RollbackConfig.Monitor',
    text: 'TaskSpec: update-monitor cannot be negative',
  },
  {
    json: document({ UpdateConfig: { MaxFailureRatio: 1.5 } }),
    field: 'UpdateConfig.MaxFailureRatio',
    text: 'TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1',
  },
  { json: document({ UpdateConfig: { Order: 'both' } }), field: 'UpdateConfig.Order' },
  { json: withPorts({ TargetPort: 0 }), field: 'EndpointSpec.Ports[0].TargetPort' },
  { json: withPorts({}), field: 'EndpointSpec.Ports[0].TargetPort' },
  {
    json: withPorts({ TargetPort: 80, PublishedPort: 65_536 }),
    field: 'EndpointSpec.Ports[0].PublishedPort',
  },
  {
    json: withPorts({ TargetPort: 80, Protocol: 'icmp' }),
    field: 'EndpointSpec.Ports[0].Protocol',
  },
  {
    json: withPorts({ TargetPort: 80, PublishedPort: 80 }, { TargetPort: 81, PublishedPort: 80 }),
    field: 'EndpointSpec.Ports',
    text: 'EndpointSpec: duplicate published ports provided',
  },
  {
    json: document({ EndpointSpec: { Mode: 'dnsrr', Ports: [{ TargetPort: 80 }] } }),
    field: 'EndpointSpec.Ports',
    text: "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
  },
  { json: document({ EndpointSpec: { Mode: 'anycast' } }), field: 'EndpointSpec.Mode' },
];

for (const [index, { json, field, code = 'invalid-spec', text }] of refusals.entries()) {
  test(`refused at ${field || 'the document'} (${index})`, (t) => {
    const error = t.throws(() => parseServiceSpec(json), { instanceOf: SpecError });
    t.is(error.detail.field, field);
    t.is(error.detail.code, code);
    if (text !== undefined) t.is(error.message, text);
    else t.true(error.message.startsWith(field));
  });
}
