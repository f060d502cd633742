/**
 * The Engine API's `ServiceSpec` as a schema: types, plain ranges and defaults. Rules across fields
 * are in `service.ts`.
 */
import { z } from 'zod';
import { count, duration, labels, text, texts } from './document.ts';

const port = z.int().min(1, 'must be 1 to 65535').max(65_535, 'must be 1 to 65535');

export const networkAttachment = z.object({
  Target: text.min(1, 'network target must be provided'),
  Aliases: texts.optional(),
  DriverOpts: labels.optional(),
});

const mount = z.object({
  Type: z.string().default('bind'),
  Source: text.optional(),
  Target: text.min(1, 'must be provided'),
  ReadOnly: z.boolean().optional(),
  BindOptions: z.object({ Propagation: z.string().optional() }).optional(),
  VolumeOptions: z
    .object({
      Subpath: z.string().optional(),
      DriverConfig: z
        .object({ Name: z.string().optional(), Options: labels.optional() })
        .optional(),
    })
    .optional(),
  TmpfsOptions: z
    .object({ SizeBytes: count.optional(), Mode: count.max(0o7777).optional() })
    .optional(),
});

const containerSpec = z.object({
  Image: text.default(''),
  Labels: labels.optional(),
  Command: texts.optional(),
  Args: texts.optional(),
  Hostname: text.optional(),
  Env: texts.optional(),
  Dir: text.optional(),
  User: text.optional(),
  Groups: texts.optional(),
  TTY: z.boolean().optional(),
  OpenStdin: z.boolean().optional(),
  ReadOnly: z.boolean().optional(),
  Mounts: z.array(mount).max(1_000).optional(),
  StopSignal: text.optional(),
  StopGracePeriod: duration.min(0, 'cannot be negative').optional(),
  Hosts: texts.optional(),
  DNSConfig: z
    .object({
      Nameservers: texts.optional(),
      Search: texts.optional(),
      Options: texts.optional(),
    })
    .optional(),
  Init: z.boolean().optional(),
  CapabilityAdd: texts.optional(),
  CapabilityDrop: texts.optional(),
  Sysctls: labels.optional(),
  Isolation: text.optional(),
  Ulimits: z
    .array(z.object({ Name: text, Soft: z.int(), Hard: z.int() }))
    .max(100)
    .optional(),
  // Read only to be refused when they ask for something.
  Secrets: z.array(z.unknown()).optional(),
  Configs: z.array(z.unknown()).optional(),
  Healthcheck: z.object({ Test: texts.optional() }).optional(),
  Privileges: z.record(text, z.unknown()).optional(),
  OomScoreAdj: z.int().optional(),
});

const resources = z.object({
  NanoCPUs: z.int().optional(),
  MemoryBytes: z.int().optional(),
  Pids: z.int().optional(),
  GenericResources: z.array(z.unknown()).optional(),
});

const restartPolicy = z.object({
  Condition: z.enum(['', 'none', 'on-failure', 'any']).optional(),
  Delay: duration.optional(),
  MaxAttempts: count.optional(),
  Window: duration.optional(),
});

const placement = z.object({
  Constraints: texts.optional(),
  Preferences: z
    .array(z.object({ Spread: z.object({ SpreadDescriptor: text }) }))
    .max(100)
    .optional(),
  MaxReplicas: count.optional(),
  Platforms: z
    .array(z.object({ Architecture: text.optional(), OS: text.optional() }))
    .max(1_000)
    .optional(),
});

const updateConfig = z.object({
  Parallelism: count.optional(),
  Delay: duration.optional(),
  FailureAction: z.enum(['', 'pause', 'continue', 'rollback']).optional(),
  Monitor: duration.optional(),
  MaxFailureRatio: z.number().optional(),
  Order: z.enum(['', 'stop-first', 'start-first']).optional(),
});

const portConfig = z.object({
  Name: text.optional(),
  Protocol: z.enum(['', 'tcp', 'udp', 'sctp']).optional(),
  TargetPort: port,
  PublishedPort: z.int().min(0, 'must be 0 to 65535').max(65_535, 'must be 0 to 65535').optional(),
  PublishMode: z.enum(['', 'ingress', 'host']).optional(),
});

export const serviceDocument = z.object({
  Name: text.default(''),
  Labels: labels.default({}),
  TaskTemplate: z.object({
    ContainerSpec: containerSpec.optional(),
    PluginSpec: z.unknown().optional(),
    NetworkAttachmentSpec: z.unknown().optional(),
    Resources: z
      .object({ Limits: resources.optional(), Reservations: resources.optional() })
      .optional(),
    RestartPolicy: restartPolicy.optional(),
    Placement: placement.optional(),
    Networks: z.array(networkAttachment).max(1_000).optional(),
    LogDriver: z.object({ Name: text.optional(), Options: labels.optional() }).optional(),
    ForceUpdate: count.optional(),
    Runtime: text.optional(),
  }),
  Mode: z
    .object({
      Replicated: z.object({ Replicas: z.int().optional() }).optional(),
      Global: z.object({}).optional(),
      ReplicatedJob: z.unknown().optional(),
      GlobalJob: z.unknown().optional(),
    })
    .optional(),
  UpdateConfig: updateConfig.optional(),
  RollbackConfig: updateConfig.optional(),
  Networks: z.array(networkAttachment).max(1_000).optional(),
  EndpointSpec: z
    .object({
      Mode: z.enum(['', 'vip', 'dnsrr']).optional(),
      Ports: z.array(portConfig).max(1_000).optional(),
    })
    .optional(),
});

export type ServiceDocument = z.output<typeof serviceDocument>;
export type ContainerDocument = z.output<typeof containerSpec>;
export type MountDocument = z.output<typeof mount>;
export type ResourcesDocument = z.output<typeof resources>;
export type UpdateDocument = z.output<typeof updateConfig>;
export type PortDocument = z.output<typeof portConfig>;
export type RestartDocument = z.output<typeof restartPolicy>;
