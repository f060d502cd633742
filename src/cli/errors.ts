import { CodedError } from '../base/index.ts';

export type CliErrorDetail =
  /** The command line itself is wrong: exit status 2. */
  | { readonly code: 'usage'; readonly argument: string }
  /** The command was right and did not succeed: exit status 1. */
  | { readonly code: 'failed' };

export class CliError extends CodedError<CliErrorDetail> {}

/** `--publish: "x" is not a port: write 8080:80` as every wrong argument is reported. */
export function usageError(argument: string, problem: string): CliError {
  return new CliError({ code: 'usage', argument }, `${argument}: ${problem}`);
}

/** Exit statuses that scripts rely on. */
export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3 } as const;
