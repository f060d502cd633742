/**
 * What nodes and managers say to each other, and the checks that everything from a socket passes
 * first.
 *
 * A session is a conversation of JSON lines on one HTTP/2 stream. The node begins with `hello` and
 * what rows it holds; the manager answers `welcome` and sends the difference, then every later
 * difference. A difference may take several `rows` frames; only after one with `isComplete` do the
 * node's rows belong to one revision. Unknown fields are ignored, so that neighbouring versions can
 * talk.
 */
import { z } from 'zod';
import type {
  NodeDescription,
  Revision,
  TaskId,
  TaskStatus,
  ViewKey,
  ViewRow,
} from '../../model/index.ts';

export const PROTOCOL_VERSION = 1;
/** Longest frame that a manager takes from a node. */
export const NODE_FRAME_BYTES_MAX = 1 << 20;
/** Longest frame that a node takes from its manager: room for one row of the largest spec. */
export const MANAGER_FRAME_BYTES_MAX = 20 << 20;
/** Longest body of a join or renew request, and of their answers. */
export const BODY_BYTES_MAX = 256 << 10;
/** Most rows named in one `have` frame, and most frames of them. */
export const HAVE_ROWS_MAX = 5_000;
export const HAVE_FRAMES_MAX = 200;
/** Most statuses in one report. */
export const REPORT_STATUSES_MAX = 200;
/** Longest text in a task's status; the sender cuts. */
export const STATUS_TEXT_MAX = 2_000;

const id = z.string().min(1).max(64);
const address = z.string().min(1).max(300);
/** A chain of certificates, or a list of roots. */
const certificates = z.string().max(64 << 10);
/** How a root is named, or one certificate. */
const digest = z.string().max(64);
/** Roots that a node may trust at the same time. */
const ROOTS_MAX = 8;

/** The keys of the gossip; see `GossipKeys`. */
export const ringSchema = z
  .object({
    generation: z.int().positive(),
    keys: z
      .array(z.object({ id: z.int().min(1).max(255), secret: z.base64().length(44) }))
      .min(1)
      .max(3),
    primary: z.int(),
  })
  .refine(({ keys, primary }) => {
    const ids = new Set(keys.map((key) => key.id));
    return ids.has(primary) && ids.size === keys.length;
  });

/**
 * Accepts what `schema` accepts, whole and as the type that the model has for it. For rows, which a
 * manager made.
 */
function checkedAs<Value>(schema: z.ZodType): z.ZodType<Value> {
  return z.custom<Value>((value) => schema.safeParse(value).success);
}

// What a node says goes into the log, so fields that are not known here are dropped.
const description = z
  .object({
    hostname: z.string().max(255),
    architecture: z.string().max(64),
    os: z.string().max(64),
    nanoCpus: z.number().nonnegative(),
    memoryBytes: z.number().nonnegative(),
    engineVersion: z.string().max(128),
    images: z.array(z.string().max(512)).max(1000),
    tls: z
      .object({ issuer: digest, trust: z.array(digest).max(ROOTS_MAX), leaf: digest })
      .optional(),
  })
  .transform(({ tls, ...value }): NodeDescription => ({
    ...value,
    ...(tls !== undefined && { tls }),
  }));

const TASK_STATES = [
  'new',
  'pending',
  'assigned',
  'accepted',
  'preparing',
  'ready',
  'starting',
  'running',
  'complete',
  'shutdown',
  'failed',
  'rejected',
  'remove',
  'orphaned',
] as const satisfies readonly TaskStatus['state'][];

const taskStatus = z
  .object({
    state: z.enum(TASK_STATES),
    atMs: z.number().nonnegative(),
    message: z.string().max(STATUS_TEXT_MAX),
    error: z.string().max(STATUS_TEXT_MAX).optional(),
    containerId: z.string().max(128).optional(),
    pid: z.int().nonnegative().optional(),
    exitCode: z.int().optional(),
  })
  .transform((value) => value as TaskStatus);

const taskId = checkedAs<TaskId>(id);
const viewKey: z.ZodType<ViewKey> = z.string().min(1).max(128);
const revision = checkedAs<Revision>(z.int().nonnegative());

export const rowSchema = checkedAs<ViewRow>(
  z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('peer'),
      nodeId: id,
      index: z.int(),
      vtep: z.string(),
      isUp: z.boolean(),
    }),
    z.object({
      kind: z.literal('network'),
      networkId: id,
      name: z.string(),
      subnets: z.array(z.object({})),
    }),
    z.object({
      kind: z.literal('service'),
      serviceId: id,
      name: z.string(),
      virtualIps: z.array(z.object({})),
      ports: z.array(z.object({})),
    }),
    z.object({
      kind: z.literal('endpoint'),
      taskId: id,
      serviceId: id,
      nodeId: id,
      attachments: z.array(z.object({})),
      isServing: z.boolean(),
    }),
    z.object({
      kind: z.literal('assignment'),
      task: z.object({ id, spec: z.object({}), desiredState: z.string(), status: z.object({}) }),
      labels: z.record(z.string(), z.string()),
    }),
    z.object({ kind: z.literal('settings'), dataPathPort: z.int() }),
  ]),
);

/** Where a node can be reached, as far as it was told. */
const addresses = {
  advertiseAddress: address.optional(),
  dataPathAddress: address.optional(),
};

export const nodeMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), protocol: z.int(), description, ...addresses }),
  /** Rows held, as [key, revision], in one or more frames; `revision` is that of the whole. */
  z.object({
    type: z.literal('have'),
    rows: z.array(z.tuple([viewKey, revision])).max(HAVE_ROWS_MAX),
    revision,
    isLast: z.boolean(),
  }),
  /** With the generation of the gossip's keys that the node follows. */
  z.object({
    type: z.literal('heartbeat'),
    gossipGeneration: z.int().nonnegative().optional(),
  }),
  z.object({
    type: z.literal('report'),
    id: z.int(),
    statuses: z.array(z.object({ id: taskId, status: taskStatus })).max(REPORT_STATUSES_MAX),
  }),
  z.object({ type: z.literal('description'), description }),
  /** The node leaves the cluster. */
  z.object({ type: z.literal('goodbye') }),
]);
export type NodeMessage = z.output<typeof nodeMessageSchema>;

const logQuery = z.object({
  wantStdout: z.boolean(),
  wantStderr: z.boolean(),
  isFollowing: z.boolean(),
  tailLines: z.int().nonnegative().optional(),
  sinceMs: z.number().optional(),
});
export type WireLogQuery = z.output<typeof logQuery>;

export const managerMessageSchema = z.discriminatedUnion('type', [
  /** Sent once the node is registered, and again when one of its fields changes. */
  z.object({
    type: z.literal('welcome'),
    heartbeatMs: z.number().positive().max(3_600_000),
    managers: z.array(address).max(100),
    /** What to trust, and the root that the node's certificate is to be of. */
    roots: z.object({ authorityPem: certificates, issuer: digest }).optional(),
    gossipKeys: ringSchema.optional(),
  }),
  z.object({
    type: z.literal('rows'),
    /** Everything held before is void. */
    isReset: z.boolean(),
    upserts: z.array(z.object({ revision, row: rowSchema })),
    removes: z.array(viewKey),
    isComplete: z.boolean(),
    revision,
  }),
  z.object({ type: z.literal('heartbeat') }),
  /** What became of a report; one that was not taken is to be sent again later. */
  z.object({ type: z.literal('reported'), id: z.int(), isTaken: z.boolean() }),
  z.object({ type: z.literal('logs'), requestId: id, taskId, query: logQuery }),
  z.object({ type: z.literal('logs-cancel'), requestId: id }),
  /** The manager ends the session, and says why. */
  z.object({
    type: z.literal('refused'),
    code: z.string().max(64),
    message: z.string().max(2000),
    /** With code `not-leader`: who leads, if that is known. */
    leader: address.optional(),
  }),
  /** What the node is to be, after the welcome and whenever that changes. */
  z.object({ type: z.literal('role'), role: z.enum(['worker', 'manager']) }),
]);
export type ManagerMessage = z.output<typeof managerMessageSchema>;

export const joinRequestSchema = z.object({
  secret: z.string().max(64),
  requestPem: z.string().max(8192),
  availability: z.enum(['active', 'pause', 'drain']),
  description,
  ...addresses,
});
export type JoinBody = z.output<typeof joinRequestSchema>;

export const joinReplySchema = z.object({
  nodeId: id,
  clusterId: id,
  role: z.enum(['worker', 'manager']),
  certificatePem: certificates,
  /** What to trust; absent where that is the root which the token names. */
  authorityPem: certificates.optional(),
  managers: z.array(address).max(100),
});
export type JoinReply = z.output<typeof joinReplySchema>;

/** A manager that is to be added: its peer, and where others reach it. */
export const takePartSchema = z.object({
  peerId: z.string().regex(/^[0-9a-z]{1,64}:[0-9a-z]{8}$/),
  address,
});
export const takePartReplySchema = z.object({});

export const renewRequestSchema = z.object({ requestPem: z.string().max(8192) });
export const renewReplySchema = z.object({
  certificatePem: certificates,
  authorityPem: certificates.optional(),
});
export type RenewReply = z.output<typeof renewReplySchema>;

/** The manager's wall clock, so that a node whose own is wrong can say so. */
const nowMs = z.number().optional();
/** The root that join tokens name. */
export const authoritySchema = z.object({ certificatePem: certificates, nowMs });
export const errorReplySchema = z.object({
  code: z.string().max(64),
  message: z.string().max(2000),
  nowMs,
});

/**
 * Output of a task on its way to a manager: entries, and at the end of all whether something went
 * wrong.
 */
export const logFrameSchema = z.object({
  entries: z
    .array(
      z.object({
        stream: z.enum(['stdout', 'stderr']),
        time: z.string().max(64),
        line: z.base64(),
      }),
    )
    .max(1000),
  error: z.string().max(2000).optional(),
  isEnd: z.boolean(),
});
export type LogFrame = z.output<typeof logFrameSchema>;
