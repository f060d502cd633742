/**
 * node/attach: namespaces that others made, on networks of the cluster. What is ours in such a
 * namespace: one link per attachment (`hawser0`, …) with its address, settings and routes, and the
 * nft table `inet hawser` that leads 127.0.0.11:53 to the resolver. Everything else in it is never
 * touched: no default route, no file, no setting of others' links, not `lo`. Start with
 * `attachments.ts`.
 */
export {
  Attachments,
  type AttachOptions,
  type AttachmentStatus,
  type AttachmentsOptions,
} from './attachments.ts';
export { ATTACHMENTS_MAX, AttachmentTable } from './attachment-table.ts';
export type { NamespaceDoor } from './namespace-door.ts';
