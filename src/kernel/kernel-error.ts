import { CodedError } from '../base/index.ts';

/** Why the kernel, a program or a message of theirs was no use. */
export type KernelErrorDetail =
  /**
   * A system call or a netlink request was refused. `object` is what it was about, `text` the
   * kernel's own words.
   */
  | {
      readonly code: 'SYSTEM';
      readonly errno: string;
      readonly call: string;
      readonly object: string;
      readonly text: string;
    }
  /** Bytes that are not a netlink message or attribute. */
  | { readonly code: 'MALFORMED_MESSAGE'; readonly reason: string }
  /** The nft program refused; `text` is what it wrote. */
  | { readonly code: 'NFT'; readonly text: string }
  /** An argument that cannot be put into the kernel's form. */
  | { readonly code: 'INVALID_ARGUMENT'; readonly field: string; readonly value: string };

export class KernelError extends CodedError<KernelErrorDetail> {}

/** What a system call said, as an error. */
export function systemError(
  failure: { readonly errno: string; readonly call: string },
  object: string,
  text = '',
): KernelError {
  const words = text === '' ? '' : `: ${text}`;
  return new KernelError(
    { code: 'SYSTEM', errno: failure.errno, call: failure.call, object, text },
    `${failure.call} ${object}: ${failure.errno}${words}`,
  );
}

export function malformed(reason: string): KernelError {
  return new KernelError({ code: 'MALFORMED_MESSAGE', reason }, `malformed message: ${reason}`);
}

export function invalidArgument(field: string, value: string): KernelError {
  return new KernelError(
    { code: 'INVALID_ARGUMENT', field, value },
    `${field} cannot be ${JSON.stringify(value)}`,
  );
}

/** Whether the error is a system call's with one of these errno names. */
export function isErrno(thrown: unknown, ...names: readonly string[]): boolean {
  return (
    thrown instanceof KernelError &&
    thrown.detail.code === 'SYSTEM' &&
    names.includes(thrown.detail.errno)
  );
}
