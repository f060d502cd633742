import { CodedError } from '../base/index.ts';

export type ApiErrorDetail =
  | { readonly code: 'endpoint-invalid'; readonly endpoint: string }
  /** Nobody answers there, or this user may not ask. `errno` as in ENOENT, EACCES, ECONNREFUSED. */
  | { readonly code: 'unreachable'; readonly endpoint: string; readonly errno: string }
  /** The agent understood and said no; the message is Docker's. */
  | { readonly code: 'refused'; readonly status: number; readonly path: string }
  | { readonly code: 'answer-invalid'; readonly path: string; readonly problem: string };

export class ApiError extends CodedError<ApiErrorDetail> {}
