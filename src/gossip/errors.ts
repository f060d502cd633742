import { CodedError } from '../base/index.ts';

export type GossipErrorDetail =
  /** A core that cannot be made, or a command that cannot be followed, as asked. */
  | { readonly code: 'bad-option'; readonly option: string }
  /** Bytes end before what they announce. */
  | { readonly code: 'short'; readonly offset: number }
  /** A frame of a version that this one cannot read. */
  | { readonly code: 'version'; readonly version: number }
  /** A field is outside of its range. */
  | { readonly code: 'range'; readonly field: string };

/** Everything else that can go wrong here is an outcome, an event, or a bug. */
export class GossipError extends CodedError<GossipErrorDetail> {}

export function rangeError(field: string): GossipError {
  return new GossipError({ code: 'range', field }, `gossip message refused: ${field}`);
}

export function optionError(option: string, why: string): GossipError {
  return new GossipError({ code: 'bad-option', option }, `${option} ${why}`);
}
