/** `exec`: create, start (hijacked or detached), resize, inspect. */
import { randomBytes } from 'node:crypto';
import { messageOf } from '../../base/index.ts';
import type { ExecProcess, ExecSpec, Runtime } from '../../runtime/index.ts';
import { RuntimeError } from '../../runtime/index.ts';
import type { Backend } from '../backend.ts';
import { readJsonObject } from '../http/body.ts';
import { badRequest, conflict, notFound } from '../http/errors.ts';
import type { Exchange, Reply, Route } from '../http/exchange.ts';
import { OK_EMPTY, WRITTEN, json, param } from '../http/exchange.ts';
import { hijack } from '../http/hijack.ts';
import { stdcopyFrame, streamType } from '../http/stdcopy.ts';
import { findRunning } from '../containers/lookup.ts';
import { carry } from './carry.ts';
import type { Exec } from './exec-table.ts';
import { EXECS_MAX, ExecTable } from './exec-table.ts';

/** What a shell says of a command that it could not run. */
const EXIT_CODE_NOT_STARTED = 126;

export function execRoutes(backend: Backend): readonly Route[] {
  const execs = new ExecTable();
  return [
    {
      method: 'POST',
      path: '/containers/:id/exec',
      handle: (exchange) => create(backend, execs, exchange),
    },
    {
      method: 'POST',
      path: '/exec/:id/start',
      handle: (exchange) => start(backend, execs, exchange),
    },
    { method: 'POST', path: '/exec/:id/resize', handle: (exchange) => resize(execs, exchange) },
    { method: 'GET', path: '/exec/:id/json', handle: (exchange) => inspect(execs, exchange) },
  ];
}

function findExec(execs: ExecTable, exchange: Exchange): Exec {
  const id = param(exchange, 'id');
  const exec = execs.get(id);
  if (!exec) throw notFound(`No such exec instance: ${id}`);
  return exec;
}

async function create(backend: Backend, execs: ExecTable, exchange: Exchange): Promise<Reply> {
  const document = await readJsonObject(exchange);
  const { container } = findRunning(backend, param(exchange, 'id'));
  const exec: Exec = {
    id: randomBytes(32).toString('hex'),
    containerId: container.id,
    spec: execSpec(document),
    isAttached: {
      stdin: document['AttachStdin'] === true,
      stdout: document['AttachStdout'] === true,
      stderr: document['AttachStderr'] === true,
    },
    state: 'created',
  };
  if (!execs.tryAdd(exec)) throw conflict(`too many processes: ${EXECS_MAX} execs run`);
  return json({ Id: exec.id }, 201);
}

function execSpec(document: Readonly<Record<string, unknown>>): ExecSpec {
  const command = strings(document, 'Cmd');
  if (command.length === 0) throw badRequest('No exec command specified');
  const directory = text(document, 'WorkingDir');
  const user = text(document, 'User');
  return {
    command,
    env: strings(document, 'Env'),
    ...(directory === '' ? {} : { workingDirectory: directory }),
    ...(user === '' ? {} : { user }),
    hasTty: document['Tty'] === true,
    isPrivileged: document['Privileged'] === true,
  };
}

function strings(document: Readonly<Record<string, unknown>>, key: string): readonly string[] {
  const value = document[key] ?? [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw badRequest(`${key}: a list of strings is expected`);
}

function text(document: Readonly<Record<string, unknown>>, key: string): string {
  const value = document[key] ?? '';
  if (typeof value !== 'string') throw badRequest(`${key}: a string is expected`);
  return value;
}

async function start(backend: Backend, execs: ExecTable, exchange: Exchange): Promise<Reply> {
  const document = await readJsonObject(exchange, true);
  const exec = findExec(execs, exchange);
  const { runtime } = findRunning(backend, exec.containerId);
  if (exec.state !== 'created') throw conflict(`Error: Exec command ${exec.id} is already running`);
  exec.state = 'starting';
  if (document['Detach'] === true) {
    const { process } = await launch(exec, runtime);
    detach(process);
    return OK_EMPTY;
  }
  const socket = hijack(exchange, streamType(exec.spec.hasTty, exchange.minor));
  try {
    const { process, ended } = await launch(exec, runtime);
    resizeTo(exec, document['ConsoleSize']);
    await carry(socket, { process, exec, ended });
  } catch (error) {
    // The stream has begun: as in Docker, the reason goes into it, and the exit code tells the
    // rest.
    const text = Buffer.from(`${messageOf(error)}\r\n`);
    socket.end(exec.spec.hasTty ? text : stdcopyFrame('stdout', text));
  }
  return WRITTEN;
}

/** Starts the process and notes its end. Throws `RuntimeError`; the exec has ended then. */
async function launch(
  exec: Exec,
  runtime: Runtime,
): Promise<{ readonly process: ExecProcess; readonly ended: Promise<void> }> {
  try {
    const process = await runtime.exec(exec.containerId, exec.spec);
    exec.process = process;
    exec.state = 'running';
    return { process, ended: followExit(exec, process) };
  } catch (error) {
    exec.state = 'exited';
    exec.exitCode =
      error instanceof RuntimeError && error.detail.code === 'start_failed'
        ? error.detail.exitCode
        : EXIT_CODE_NOT_STARTED;
    throw error;
  }
}

async function followExit(exec: Exec, process: ExecProcess): Promise<void> {
  try {
    exec.exitCode = await process.exited;
  } catch {
    exec.exitCode = 255;
  }
  exec.state = 'exited';
}

function detach(process: ExecProcess): void {
  process.stdin.end();
  process.stdout.resume();
  process.stderr?.resume();
}

function resize(execs: ExecTable, exchange: Exchange): Reply {
  const exec = findExec(execs, exchange);
  const { query } = exchange;
  const [rows, columns] = [Number(query.get('h')), Number(query.get('w'))];
  if (!isSize(rows) || !isSize(columns)) throw badRequest('invalid size: h and w are 1 to 65535');
  if (exec.state !== 'running') throw conflict(`exec ${exec.id} is not running`);
  resizeTo(exec, [rows, columns]);
  return OK_EMPTY;
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;
}

/**
 * `size` is Docker's `[rows, columns]`; anything else, as a client without a terminal sends it, is
 * left aside.
 */
function resizeTo(exec: Exec, size: unknown): void {
  if (!exec.spec.hasTty || !Array.isArray(size)) return;
  const [rows, columns] = size as unknown[];
  if (isSize(rows) && isSize(columns)) exec.process?.resize(rows, columns);
}

function inspect(execs: ExecTable, exchange: Exchange): Reply {
  const exec = findExec(execs, exchange);
  const { spec } = exec;
  const [entrypoint = '', ...rest] = spec.command;
  return json({
    ID: exec.id,
    Running: exec.state === 'running',
    ExitCode: exec.exitCode ?? null,
    ProcessConfig: {
      tty: spec.hasTty,
      entrypoint,
      arguments: rest,
      privileged: spec.isPrivileged,
      ...(spec.user === undefined ? {} : { user: spec.user }),
    },
    OpenStdin: exec.isAttached.stdin,
    OpenStderr: exec.isAttached.stderr,
    OpenStdout: exec.isAttached.stdout,
    CanRemove: exec.state === 'exited',
    ContainerID: exec.containerId,
    DetachKeys: '',
    Pid: exec.process?.pid ?? 0,
  });
}
