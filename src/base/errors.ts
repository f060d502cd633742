/** What every operating error carries: a code for programs, and fields that belong to that code. */
export interface ErrorDetail {
  readonly code: string;
}

/**
 * An operating error (not a bug, not an outcome of a protocol). Each room has one subclass over a
 * union of details; tests and callers use `detail`, people read `message`.
 */
export class CodedError<Detail extends ErrorDetail> extends Error {
  readonly detail: Detail;

  constructor(detail: Detail, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.detail = detail;
  }
}

/** The text of anything thrown, for a message or a log line. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
