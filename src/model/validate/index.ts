/**
 * validate: untrusted documents of the Engine API become specs, or are refused by field and rule.
 *
 * Types and ranges are zod schemas (null is absent, unknown fields are dropped, as Docker's own
 * decoder has it); rules across fields are plain code with Docker's texts. What Docker has and this
 * program has not is refused, not dropped. Start with `service.ts`.
 */
export { SpecError, type SpecErrorDetail } from './spec-error.ts';
export { parseServiceSpec, withNetworkIds, REPLICAS_MAX } from './service.ts';
export { parseNetworkSpec } from './network.ts';
export { parseNodeSpec } from './node.ts';
export { parseClusterSpec } from './cluster.ts';
export { isImageReference } from './names.ts';
