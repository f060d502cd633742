/**
 * reconcile: holds the kernel to the plan. Start with `reconciler.ts`; `namespace-state.ts` is
 * one namespace's books.
 */
export { Acknowledgements } from './acknowledgements.ts';
export { Reconciler } from './reconciler.ts';
export { ReconcileError, type FailedObject, type ReconcileErrorDetail } from './errors.ts';
export {
  SYSTEM_TIMERS,
  type NamespaceWatch,
  type ReconcileMetrics,
  type ReconcilerOptions,
  type Timers,
  type WatchNamespace,
} from './options.ts';
