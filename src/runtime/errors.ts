import { CodedError } from '../base/index.ts';

/** Everything that can go wrong here, one code each, with the fields that belong to it. */
export type RuntimeErrorDetail =
  | { readonly code: 'not_found'; readonly what: 'container' | 'image'; readonly name: string }
  | { readonly code: 'invalid'; readonly field: string; readonly value: string }
  /** The object is in a state in which this cannot be done. */
  | { readonly code: 'conflict'; readonly what: 'container' | 'image'; readonly name: string }
  /** A tar, image document or layer that is not what it must be. */
  | { readonly code: 'archive_refused'; readonly reason: string }
  | { readonly code: 'digest_mismatch'; readonly expected: string; readonly actual: string }
  | { readonly code: 'disk_full'; readonly path: string }
  | { readonly code: 'missing_tool'; readonly tool: string }
  | {
      readonly code: 'command_failed';
      readonly command: string;
      readonly exitCode: number | undefined;
      readonly stderr: string;
    }
  /**
   * The container's process could not be started; `exitCode` is the one Docker reports (126, 127 or
   * 128).
   */
  | { readonly code: 'start_failed'; readonly id: string; readonly exitCode: number }
  | { readonly code: 'timeout'; readonly what: string; readonly afterMs: number }
  | { readonly code: 'corrupt'; readonly path: string };

/** An operating error of the runtime room. */
export class RuntimeError extends CodedError<RuntimeErrorDetail> {}

export function invalid(field: string, value: string, message: string): RuntimeError {
  return new RuntimeError({ code: 'invalid', field, value }, message);
}

export function refuseArchive(reason: string, cause?: unknown): RuntimeError {
  return new RuntimeError({ code: 'archive_refused', reason }, `bad archive: ${reason}`, cause);
}

/** Turns ENOSPC and EDQUOT into the coded error; passes everything else on. */
export function asDiskError(thrown: unknown, path: string): unknown {
  const code = errnoOf(thrown);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return thrown;
  return new RuntimeError({ code: 'disk_full', path }, `no space left on device: ${path}`, thrown);
}

/** The errno name of a Node error, such as `ENOENT`. */
export function errnoOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
