/** Fields of a log line. Never a secret; names and addresses of users not above debug. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured logging as pino does it: fields first, then a sentence. */
export interface Logger {
  trace(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
}

const ignore = (): void => undefined;

/** Drops everything. */
export const SILENT_LOGGER: Logger = {
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  child: () => SILENT_LOGGER,
};
