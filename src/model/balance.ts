/** How a service's connections are shared out: what its labels may say. */
import type { Labels } from './specs.ts';

/** The service's label that names a policy. */
export const BALANCE_POLICY_LABEL = 'hawser.lb.policy';

export const BALANCE_POLICIES = ['round-robin', 'source-hash'] as const;

/**
 * `round-robin`: each in turn. `source-hash`: a client's address decides, and keeps deciding the
 * same while its backend is there, whichever node the client comes in by.
 */
export type BalancePolicy = (typeof BALANCE_POLICIES)[number];

/** Round-robin without the label; `undefined` when it names no policy. */
export function tryBalancePolicy(labels: Labels): BalancePolicy | undefined {
  const named = labels[BALANCE_POLICY_LABEL] ?? 'round-robin';
  return BALANCE_POLICIES.find((policy) => policy === named);
}
