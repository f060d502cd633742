/**
 * The bytes of a hijacked exec: standard input in, output out, multiplexed where there is no
 * terminal.
 */
import type { Duplex } from 'node:stream';
import type { ExecProcess } from '../../runtime/index.ts';
import { writeOrWait } from '../http/reply.ts';
import type { StreamKind } from '../http/stdcopy.ts';
import { stdcopyFrame } from '../http/stdcopy.ts';
import type { Exec } from './exec-table.ts';

export interface Carriage {
  readonly process: ExecProcess;
  readonly exec: Exec;
  /** Resolves when the process has ended and its exit code is noted. */
  readonly ended: Promise<void>;
}

/** Carries bytes both ways until the process has ended and everything it wrote is sent. */
export async function carry(socket: Duplex, carriage: Carriage): Promise<void> {
  const { process, exec, ended } = carriage;
  carryInput(socket, carriage);
  const isMultiplexed = !exec.spec.hasTty;
  const { stdout, stderr } = exec.isAttached;
  await Promise.all([
    carryOutput(process.stdout, stdout ? socket : undefined, isMultiplexed ? 'stdout' : undefined),
    process.stderr && carryOutput(process.stderr, stderr ? socket : undefined, 'stderr'),
  ]);
  await ended;
  socket.end();
}

/**
 * A client that closes its side closes the process's standard input; one that is gone without a
 * word as well.
 */
function carryInput(socket: Duplex, { process, exec }: Carriage): void {
  const { stdin } = process;
  // A process may end, or close its input, before the client has said all: the rest is dropped, its
  // output still goes.
  stdin.on('error', () => drop(socket, stdin));
  stdin.on('close', () => drop(socket, stdin));
  if (!exec.isAttached.stdin) {
    stdin.end();
    socket.resume();
    return;
  }
  socket.once('close', () => stdin.end());
  socket.pipe(stdin);
}

function drop(socket: Duplex, stdin: NodeJS.WritableStream): void {
  socket.unpipe(stdin);
  socket.resume();
}

async function carryOutput(
  output: NodeJS.ReadableStream,
  socket: Duplex | undefined,
  kind: StreamKind | undefined,
): Promise<void> {
  try {
    for await (const chunk of output) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      // A process whose reader is gone goes on, as it does in Docker: its output is read and
      // dropped.
      if (socket) await writeOrWait(socket, kind ? stdcopyFrame(kind, bytes) : bytes);
    }
  } catch {
    // The stream broke off with its process; the exit code tells.
  }
}
