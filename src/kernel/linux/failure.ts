import type { KernelFailure } from '../../dataplane/index.ts';
import type { KernelError } from '../kernel-error.ts';

/** The error as an operation's outcome; `key` is the object's. */
export function failureOf(error: KernelError, key: string): KernelFailure {
  const { detail } = error;
  if (detail.code === 'SYSTEM') {
    const text = detail.text === '' ? error.message : detail.text;
    return { code: detail.errno, call: detail.call, message: `${key}: ${text}` };
  }
  return {
    code: detail.code,
    call: detail.code === 'NFT' ? 'nft' : 'encode',
    message: `${key}: ${error.message}`,
  };
}
