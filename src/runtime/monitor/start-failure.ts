/** Why a process could not be started, in Docker's words and with Docker's exit codes. */
import { RuntimeError, type RuntimeErrorDetail } from '../errors.ts';

export type StartFailure = RuntimeError & {
  readonly detail: Extract<RuntimeErrorDetail, { code: 'start_failed' }>;
};

/** `said` is what runc wrote. 127 is "no such file", 126 "cannot run it", 128 everything else. */
export function startFailure(id: string, said: string): StartFailure {
  const reason = reasonOf(said);
  const detail = { code: 'start_failed', id, exitCode: exitCodeOf(reason) } as const;
  const text = reason === '' ? 'no reason was given' : reason;
  return new RuntimeError(detail, `starting container failed: ${text}`) as StartFailure;
}

function exitCodeOf(reason: string): number {
  if (/executable file not found|no such file or directory/.test(reason)) return 127;
  return /permission denied|is a directory|exec format error/.test(reason) ? 126 : 128;
}

/** runc writes logrus lines: `time="…" level=error msg="…"`. The last error is the reason. */
function reasonOf(said: string): string {
  const messages = [...said.matchAll(/level=(?:error|fatal) msg=("(?:[^"\\]|\\.)*"|\S+)/g)];
  const last = messages.at(-1)?.[1];
  if (last === undefined) return said.trim();
  const text = last.startsWith('"') ? unquote(last) : last;
  return `OCI runtime create failed: ${text}`;
}

function unquote(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}
