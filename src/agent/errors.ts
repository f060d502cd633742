import { CodedError } from '../base/index.ts';

export type AgentErrorDetail =
  | { readonly code: 'unsupported'; readonly option: string; readonly value: string }
  | { readonly code: 'invalid'; readonly option: string; readonly value: string }
  | { readonly code: 'needs-root' }
  | { readonly code: 'already-running'; readonly pid: number };

/** Why an agent does not start. */
export class AgentError extends CodedError<AgentErrorDetail> {}
