import test from 'ava';
import fc from 'fast-check';
import {
  parseServiceSpec,
  SpecError,
  withNetworkIds,
  type NetworkId,
} from '../../../src/model/index.ts';
import { document, withTask, withContainer, withPorts } from './service-documents.ts';

test('what is missing gets the defaults that Docker applies', (t) => {
  t.deepEqual(parseServiceSpec(document()), {
    Name: 'web',
    Labels: {},
    TaskTemplate: { ContainerSpec: { Image: 'busybox' } },
    Mode: { Replicated: { Replicas: 1 } },
    EndpointSpec: { Mode: 'vip', Ports: [] },
  });
});

test('a document as the docker CLI sends it keeps what it says', (t) => {
  const spec = parseServiceSpec({
    Name: 'whoami',
    Labels: { tier: 'front' },
    TaskTemplate: {
      ContainerSpec: {
        Image: 'busybox:latest@sha256:' + 'a'.repeat(64),
        Labels: null,
        Args: ['httpd', '-f'],
        Env: ['A=1'],
        Init: false,
        StopGracePeriod: 10_000_000_000,
        DNSConfig: {},
        Isolation: 'default',
        Mounts: [{ Type: 'volume', Source: 'data', Target: '/data', VolumeOptions: {} }],
        Healthcheck: null,
        Privileges: { CredentialSpec: null, SELinuxContext: null, NoNewPrivileges: false },
      },
      Resources: { Limits: { MemoryBytes: 64 * 1024 * 1024 }, Reservations: {} },
      RestartPolicy: { Condition: 'any', Delay: 5_000_000_000, MaxAttempts: 0 },
      Placement: { Platforms: [{ Architecture: 'amd64', OS: 'linux' }], Constraints: null },
      Networks: [{ Target: 'demo', Aliases: ['w'] }],
      ForceUpdate: 0,
      Runtime: 'container',
    },
    Mode: { Replicated: { Replicas: 3 } },
    UpdateConfig: { Parallelism: 1, FailureAction: 'pause', Order: 'stop-first' },
    EndpointSpec: {
      Mode: 'vip',
      Ports: [{ Protocol: 'tcp', TargetPort: 8000, PublishedPort: 8000, PublishMode: 'ingress' }],
    },
    SomethingNew: { deep: true },
  });
  t.deepEqual(spec, {
    Name: 'whoami',
    Labels: { tier: 'front' },
    TaskTemplate: {
      ContainerSpec: {
        Image: 'busybox:latest@sha256:' + 'a'.repeat(64),
        Args: ['httpd', '-f'],
        Env: ['A=1'],
        Init: false,
        StopGracePeriod: 10_000_000_000,
        DNSConfig: {},
        Isolation: 'default',
        Mounts: [{ Type: 'volume', Source: 'data', Target: '/data' }],
      },
      Resources: { Limits: { MemoryBytes: 64 * 1024 * 1024 }, Reservations: {} },
      RestartPolicy: { Condition: 'any', Delay: 5_000_000_000, MaxAttempts: 0 },
      Placement: { Platforms: [{ Architecture: 'amd64', OS: 'linux' }] },
      Networks: [{ Target: 'demo', Aliases: ['w'] }],
      ForceUpdate: 0,
      Runtime: 'container',
    },
    Mode: { Replicated: { Replicas: 3 } },
    UpdateConfig: { Parallelism: 1, FailureAction: 'pause', Order: 'stop-first' },
    EndpointSpec: {
      Mode: 'vip',
      Ports: [{ Protocol: 'tcp', TargetPort: 8000, PublishedPort: 8000, PublishMode: 'ingress' }],
    },
  });
});

test('networks beside the template, as old clients send them, move into it', (t) => {
  const spec = parseServiceSpec(document({ Networks: [{ Target: 'demo' }] }));
  t.deepEqual(spec.TaskTemplate.Networks, [{ Target: 'demo' }]);
  t.false('Networks' in spec);
});

test('the template wins over networks beside it', (t) => {
  const json = { ...withTask({ Networks: [{ Target: 'new' }] }), Networks: [{ Target: 'old' }] };
  t.deepEqual(parseServiceSpec(json).TaskTemplate.Networks, [{ Target: 'new' }]);
});

test('targets of networks are replaced by what the lookup says', (t) => {
  const spec = parseServiceSpec(withTask({ Networks: [{ Target: 'demo', Aliases: ['a'] }] }));
  const resolved = withNetworkIds(spec, (name) => `id-of-${name}` as NetworkId);
  t.deepEqual(resolved.TaskTemplate.Networks, [{ Target: 'id-of-demo', Aliases: ['a'] }]);
  t.deepEqual(spec.TaskTemplate.Networks?.[0]?.Target, 'demo');
  const without = parseServiceSpec(document());
  t.is(
    withNetworkIds(without, () => t.fail()),
    without,
  );
});

test('ports get protocol and mode', (t) => {
  const { EndpointSpec } = parseServiceSpec(withPorts({ TargetPort: 80 }));
  t.deepEqual(EndpointSpec, {
    Mode: 'vip',
    Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishMode: 'ingress' }],
  });
});

test('a port may be published for tcp and for udp', (t) => {
  const ports = [
    { TargetPort: 53, PublishedPort: 53, Protocol: 'tcp' },
    { TargetPort: 53, PublishedPort: 53, Protocol: 'udp' },
  ];
  t.is(parseServiceSpec(withPorts(...ports)).EndpointSpec.Ports.length, 2);
});

test('dnsrr allows host-mode ports', (t) => {
  const EndpointSpec = { Mode: 'dnsrr', Ports: [{ TargetPort: 80, PublishMode: 'host' }] };
  t.is(parseServiceSpec(document({ EndpointSpec })).EndpointSpec.Mode, 'dnsrr');
});

test('a global service has no number', (t) => {
  t.deepEqual(parseServiceSpec(document({ Mode: { Global: {} } })).Mode, { Global: {} });
});

test('replicas may be none', (t) => {
  const { Mode } = parseServiceSpec(document({ Mode: { Replicated: { Replicas: 0 } } }));
  t.deepEqual(Mode, { Replicated: { Replicas: 0 } });
});

test('whatever comes in, the answer is a spec or a coded error', (t) => {
  const anything = fc.anything({ maxDepth: 6, withNullPrototype: true });
  const nearly = fc.record(
    {
      Name: fc.oneof(fc.constantFrom('web', '__proto__'), fc.anything()),
      Labels: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.anything())),
      TaskTemplate: fc.record(
        {
          ContainerSpec: fc.record(
            { Image: fc.oneof(fc.constant('busybox'), fc.string()), Args: anything },
            { requiredKeys: [] },
          ),
          Placement: fc.record({ Constraints: fc.array(fc.string()) }, { requiredKeys: [] }),
          Networks: anything,
        },
        { requiredKeys: [] },
      ),
      Mode: anything,
      EndpointSpec: anything,
    },
    { requiredKeys: [] },
  );
  const property = fc.property(fc.oneof(anything, nearly), (json) => {
    try {
      const spec = parseServiceSpec(json);
      // What was accepted is accepted again, unchanged, also after a trip through JSON.
      t.deepEqual(parseServiceSpec(JSON.parse(JSON.stringify(spec))), spec);
    } catch (error) {
      if (!(error instanceof SpecError)) throw error;
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 2000 }));
});

test('keys that name prototypes stay plain data', (t) => {
  const json: unknown = JSON.parse(
    '{"Name":"web","Labels":{"__proto__":"x","constructor":"y"},"__proto__":{"Name":"evil"},' +
      '"TaskTemplate":{"ContainerSpec":{"Image":"busybox"}}}',
  );
  const spec = parseServiceSpec(json);
  t.is(spec.Name, 'web');
  t.is(Object.getPrototypeOf(spec.Labels), Object.prototype);
  t.is(spec.Labels['constructor'], 'y');
});

test('no name takes more than a moment to refuse', (t) => {
  const name = 'a'.repeat(62) + '!';
  t.throws(() => parseServiceSpec(document({ Name: name })), { instanceOf: SpecError });
  const image = 'a'.repeat(500) + '!';
  t.throws(() => parseServiceSpec(withContainer({ Image: image })), { instanceOf: SpecError });
});
