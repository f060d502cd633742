import { CodedError } from '../base/index.ts';

export type LabErrorDetail =
  | { readonly code: 'needs-root' }
  | { readonly code: 'option-invalid'; readonly option: string }
  | { readonly code: 'lab-exists'; readonly nodes: number }
  | { readonly code: 'no-lab' }
  | { readonly code: 'no-such-node'; readonly node: string }
  /** Another `hawser lab` command is at work. */
  | { readonly code: 'busy'; readonly pid: number }
  | { readonly code: 'command-failed'; readonly command: string; readonly status: number | null }
  | { readonly code: 'agent-ended'; readonly node: number; readonly logPath: string }
  | { readonly code: 'too-late'; readonly awaited: string }
  | { readonly code: 'left-behind'; readonly things: readonly string[] };

export class LabError extends CodedError<LabErrorDetail> {}
