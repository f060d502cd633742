/**
 * The kernel as the reconcile loop sees it. The room `kernel` implements it twice: over netlink,
 * nft and /proc, and as a fake in memory that fails one operation in ten; both pass one compliance
 * suite.
 */
import type { KernelObject, NamespaceName } from './objects.ts';

/**
 * One step of a difference. `was` is what the kernel holds under the same key; absent when it holds
 * nothing.
 */
export type Operation =
  | { readonly action: 'put'; readonly object: KernelObject; readonly was?: KernelObject }
  | { readonly action: 'delete'; readonly object: KernelObject };

export type OperationOutcome =
  { readonly ok: true } | { readonly ok: false; readonly error: KernelFailure };

/** Why the kernel said no, in its own words. */
export interface KernelFailure {
  /** `EEXIST`, `ENODEV`, …; `NFT` when the nft program refused. */
  readonly code: string;
  readonly call: string;
  /** Key of the object, and the extended-ack or program's text where there is one. */
  readonly message: string;
}

export interface ObserveRequest {
  /** Sysctls to read; they are too many to list. */
  readonly sysctls: readonly string[];
}

export interface Kernel {
  /** Names of the namespaces bind-mounted under the run directory. */
  namespaces(): Promise<readonly NamespaceName[]>;
  /** Ensures the namespace exists (with `lo` up). Never `HOST_NAMESPACE`. */
  createNamespace(name: NamespaceName): Promise<void>;
  /** Ensures it does not; deleting what is gone is success. */
  deleteNamespace(name: NamespaceName): Promise<void>;
  /**
   * Reads what the namespace holds, as objects.
   *
   * Left out is what the kernel makes by itself (local and connected routes, link-local addresses,
   * default rules, learned and local FDB rows, dynamic neighbours) and, in the host namespace,
   * everything whose link or table does not begin with `hawser`.
   */
  observe(name: NamespaceName, request: ObserveRequest): Promise<readonly KernelObject[]>;
  /**
   * Carries out the operations in order: netlink ones as batches, all nft ones as one transaction
   * at their place. One outcome per operation, in the same order; a failure stops none of the
   * others. `put` has replace semantics and `delete` of what is gone succeeds, so repeating a batch
   * is harmless.
   */
  apply(
    name: NamespaceName,
    operations: readonly Operation[],
  ): Promise<readonly OperationOutcome[]>;
}
