/**
 * The only face of the addon. Each function mirrors one of `native/*.h` and throws `KernelError`
 * where that returns a failure; `object` is what the message should name.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemError } from './kernel-error.ts';

/** An open file descriptor that names a network namespace. */
export type NamespaceFd = number;

/** Instead of a `NamespaceFd`: the namespace the process is in. */
export const OWN_NAMESPACE_FD: NamespaceFd = -1;

/** `[level, name, value]` as for setsockopt(2). */
export type SocketOption = readonly [level: number, name: number, value: number | Uint8Array];

export interface SocketRequest {
  readonly namespaceFd: NamespaceFd;
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
  readonly options: readonly SocketOption[];
  /** Bytes of a sockaddr. */
  readonly bind?: Uint8Array;
  /** Listens when present. */
  readonly backlog?: number;
}

export interface Datagram {
  /** Of the datagram; exceeds the buffer's length when it was cut. */
  readonly length: number;
  /** Bytes of the sender's sockaddr. */
  readonly address: Uint8Array;
}

/** Calls back whenever the fd is readable or holds an error. Close it before the fd. */
export interface Poll {
  close(): void;
  /** Keeps the event loop alive (the default). */
  ref(): void;
  unref(): void;
}

interface NativeFailure {
  readonly errno: string;
  readonly call: string;
}

interface Addon {
  createNamespace(path: string): NativeFailure | undefined;
  deleteNamespace(path: string): NativeFailure | undefined;
  sysctlIn(fd: NamespaceFd, path: string, value?: string): string | NativeFailure | undefined;
  socketIn(request: SocketRequest): number | NativeFailure;
  socketAddress(fd: number): Uint8Array | NativeFailure;
  sendTo(fd: number, bytes: Uint8Array, address?: Uint8Array): number | NativeFailure;
  receiveFrom(fd: number, into: Uint8Array): Datagram | NativeFailure | undefined;
  memfd(name: string): number | NativeFailure;
  netlinkExchange(fd: number, requests: Uint8Array, last: number): Uint8Array | NativeFailure;
  readonly Poll: new (fd: number, onReady: () => void) => Poll;
}

const addon = createRequire(import.meta.url)(addonPath()) as Addon;

/** The package root is where package.json is, both for src/ and for what was compiled from it. */
function addonPath(): string {
  const named = process.env['HAWSER_ADDON'];
  if (named !== undefined) return named;
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder))
    folder = dirname(folder);
  return join(folder, 'build', 'Release', 'hawser.node');
}

/** Bind-mounts a new namespace, with `lo` up, on the path. */
export function createNamespace(path: string): void {
  unwrap(addon.createNamespace(path), path);
}

/** Unmounts and removes the path; what is gone already is no failure. */
export function deleteNamespace(path: string): void {
  unwrap(addon.deleteNamespace(path), path);
}

/** Reads `/proc/sys/<path>` as seen in the namespace. */
export function readSysctl(fd: NamespaceFd, path: string): string {
  return unwrap(addon.sysctlIn(fd, `/proc/sys/${path}`), path) as string;
}

export function writeSysctl(fd: NamespaceFd, path: string, value: string): void {
  unwrap(addon.sysctlIn(fd, `/proc/sys/${path}`, value), path);
}

/**
 * Makes a socket inside a namespace in one native call; returns its fd, which the caller closes.
 */
export function socketIn(request: SocketRequest, object: string): number {
  return unwrap(addon.socketIn(request), object);
}

/** Bytes of the socket's own sockaddr. */
export function socketAddress(fd: number): Uint8Array {
  return unwrap(addon.socketAddress(fd), `fd ${fd}`);
}

/** Sends one datagram without waiting; returns how many bytes went. */
export function sendTo(fd: number, bytes: Uint8Array, address?: Uint8Array): number {
  return unwrap(addon.sendTo(fd, bytes, address), `fd ${fd}`);
}

/** Receives one datagram without waiting; `undefined` when there is none. */
export function receiveFrom(fd: number, into: Uint8Array): Datagram | undefined {
  return unwrap(addon.receiveFrom(fd, into), `fd ${fd}`);
}

/** A file in memory; the caller closes the fd. */
export function memfd(name: string): number {
  return unwrap(addon.memfd(name), name);
}

/** Sends requests and returns all replies up to the end of the request numbered `last`. */
export function netlinkExchange(fd: number, requests: Uint8Array, last: number): Uint8Array {
  return unwrap(addon.netlinkExchange(fd, requests, last), 'netlink');
}

export function poll(fd: number, onReady: () => void): Poll {
  return new addon.Poll(fd, onReady);
}

function unwrap<T>(result: T | NativeFailure, object: string): T {
  if (typeof result === 'object' && result !== null && 'errno' in result)
    throw systemError(result, object);
  return result;
}
