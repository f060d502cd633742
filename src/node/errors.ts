import { CodedError } from '../base/index.ts';

export type NodeErrorDetail =
  | { readonly code: 'gateway-exhausted'; readonly prefix: string }
  | { readonly code: 'no-gateway-prefix' }
  /** Of attachments: what the operator named, and why it cannot be. */
  | { readonly code: 'not-a-namespace' | 'own' | 'occupied'; readonly path: string }
  | { readonly code: 'not-found'; readonly what: string }
  | { readonly code: 'invalid'; readonly field: string }
  | { readonly code: 'overlap'; readonly prefix: string }
  | { readonly code: 'too-many' | 'timeout' };

/** An operating error of the node's own work. */
export class NodeError extends CodedError<NodeErrorDetail> {}
