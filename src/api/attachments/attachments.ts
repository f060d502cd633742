/**
 * `hawser/attachments`: namespaces of this node on networks of the cluster. Docker has no words for
 * them, so these are Hawser's own.
 */
import { z } from 'zod';
import type { AttachmentStatus } from '../../node/index.ts';
import type { Backend } from '../backend.ts';
import { readJsonObject } from '../http/body.ts';
import { badRequest } from '../http/errors.ts';
import type { Exchange, Reply, Route } from '../http/exchange.ts';
import { NO_CONTENT, json, param } from '../http/exchange.ts';

const PATH = '/hawser/attachments';
const TEXT_MAX = 256;
const PATH_MAX = 4096;

const text = z.string().min(1).max(TEXT_MAX).optional();
const Wanted = z.object({
  NetworkNamespace: z
    .string()
    .max(PATH_MAX)
    .regex(/^\/[^\0]+$/, 'must be an absolute path'),
  Network: z.string().min(1, 'must be given').max(TEXT_MAX),
  Name: text,
  IPAddress: z.ipv4('must be an IPv4 address').optional(),
  Service: text,
});

export function attachmentRoutes(backend: Backend): readonly Route[] {
  return [
    { method: 'GET', path: PATH, handle: () => json(backend.attachments.list().map(document)) },
    { method: 'POST', path: PATH, handle: (exchange) => attach(backend, exchange) },
    { method: 'DELETE', path: `${PATH}/:id`, handle: (exchange) => detach(backend, exchange) },
  ];
}

async function attach(backend: Backend, exchange: Exchange): Promise<Reply> {
  const wanted = Wanted.safeParse(await readJsonObject(exchange));
  if (!wanted.success) {
    const [issue] = wanted.error.issues;
    throw badRequest(`invalid ${issue?.path.join('.') ?? 'request'}: ${issue?.message ?? ''}`);
  }
  const { NetworkNamespace: path, Network: network, Name: name } = wanted.data;
  const { IPAddress: address, Service: service } = wanted.data;
  const attached = await backend.attachments.attach({ path, network, name, address, service });
  return json(document(attached), 201);
}

async function detach(backend: Backend, exchange: Exchange): Promise<Reply> {
  await backend.attachments.detach(param(exchange, 'id'));
  return NO_CONTENT;
}

function document(status: AttachmentStatus): object {
  return {
    ID: status.taskId,
    Name: status.name,
    State: status.state,
    NetworkNamespace: status.path,
    Interface: status.link,
    NetworkID: status.place?.networkId ?? '',
    Network: status.networkName,
    IPAddress: status.place?.address ?? '',
  };
}
