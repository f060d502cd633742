import { CodedError } from '../base/index.ts';

export type NodeErrorDetail =
  | { readonly code: 'gateway-exhausted'; readonly prefix: string }
  | { readonly code: 'no-gateway-prefix' };

/** An operating error of the node's own work. */
export class NodeError extends CodedError<NodeErrorDetail> {}
