import { CodedError } from '../base/index.ts';

export interface RaftErrorDetail {
  readonly code: 'bad-option';
  /** The option that is out of its range. */
  readonly option: string;
}

/**
 * A core that cannot be made as asked. Everything else that can go wrong is an outcome, or a bug.
 */
export class RaftError extends CodedError<RaftErrorDetail> {}
