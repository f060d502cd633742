/**
 * base: what every room stands on. No word of the domain lives here.
 *
 * Assertions and the shape of errors, the interfaces through which time, randomness and logging are
 * passed in, bounded queues, and addresses as numbers. Everything is synchronous and without side
 * effects, except `SYSTEM_CLOCK`. Start with `errors.ts` (four kinds of failure) and `addr/ipv4.ts`
 * (addresses on hot paths are plain numbers).
 */
export { assert, unreachable } from './assert.ts';
export { CodedError, messageOf, type ErrorDetail } from './errors.ts';
export type { Brand } from './brand.ts';
export { SYSTEM_CLOCK, type Clock } from './time.ts';
export { SeededRng, randomBelow, randomId, shuffle, type Rng } from './rng.ts';
export { SILENT_LOGGER, type LogFields, type Logger } from './logger.ts';
export { packageRoot } from './package-root.ts';
export { BoundedQueue } from './bounded-queue.ts';
export {
  cidr4,
  cidr4Contains,
  cidr4Overlaps,
  cidr4Size,
  formatCidr4,
  formatIpv4,
  ipv4,
  ipv4FromNumber,
  maskTo,
  tryParseCidr4,
  tryParseInterface4,
  tryParseIpv4,
  type Cidr4,
  type Ipv4,
} from './addr/ipv4.ts';
export { macOfIpv4, macOfNodeIndex, tryParseMac, type Mac } from './addr/mac.ts';
