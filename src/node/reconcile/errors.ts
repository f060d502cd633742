import { CodedError, messageOf } from '../../base/index.ts';
import type { KernelFailure, NamespaceName, ObjectKey } from '../../dataplane/index.ts';

/** An object of the plan that the kernel refused. */
export interface FailedObject {
  readonly namespace: NamespaceName;
  /** Absent when the namespace itself cannot be made or read. */
  readonly key?: ObjectKey;
  readonly error: KernelFailure;
  /** How often it was tried since it last changed. */
  readonly attempts: number;
  /** Monotonic clock. */
  readonly nextRetryMs: number;
}

export type ReconcileErrorDetail =
  | {
      readonly code: 'not-converged';
      readonly namespaces: readonly NamespaceName[];
      /** What the kernel refused; empty when it was not asked in time. */
      readonly failed: readonly FailedObject[];
    }
  | { readonly code: 'closed' };

export class ReconcileError extends CodedError<ReconcileErrorDetail> {}

export function notConverged(
  namespaces: readonly NamespaceName[],
  failed: readonly FailedObject[],
): ReconcileError {
  const [first] = failed;
  const reason =
    first === undefined
      ? 'the kernel was not ready in time'
      : `${first.error.call} ${first.error.code}: ${first.error.message}`;
  return new ReconcileError(
    { code: 'not-converged', namespaces, failed },
    `network of ${namespaces.join(', ') || 'this node'} is not as planned: ${reason}`,
  );
}

/** For a kernel that breaks its contract. */
export const NO_OUTCOME: KernelFailure = {
  code: 'NO_OUTCOME',
  call: 'apply',
  message: 'the kernel said nothing of the operation',
};

/** What a namespace that cannot be entered says, in the form of what an object's refusal says. */
export function failureOf(error: unknown): KernelFailure {
  const detail = (error as { detail?: { errno?: unknown; code?: unknown; call?: unknown } }).detail;
  const code = typeof detail?.errno === 'string' ? detail.errno : detail?.code;
  return {
    code: typeof code === 'string' ? code : 'UNKNOWN',
    call: typeof detail?.call === 'string' ? detail.call : 'namespace',
    message: messageOf(error),
  };
}
