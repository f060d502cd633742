import { CodedError } from '../../base/index.ts';

/**
 * `invalid-spec`: the document breaks a rule. `unsupported-spec`: it asks for something that Docker
 * has and this program has not; taking it and leaving that out would be a lie.
 */
export interface SpecErrorDetail {
  readonly code: 'invalid-spec' | 'unsupported-spec';
  /**
   * Where, in the Engine API's own field names: `TaskTemplate.ContainerSpec.Image`. Empty for the
   * whole document.
   */
  readonly field: string;
  readonly rule: string;
}

export class SpecError extends CodedError<SpecErrorDetail> {}

/**
 * Refuses a document. `text` is the message as Docker words it; without it, field and rule are the
 * message.
 */
export function invalid(field: string, rule: string, text?: string): SpecError {
  return new SpecError({ code: 'invalid-spec', field, rule }, text ?? said(field, rule));
}

export function unsupported(field: string, what: string): SpecError {
  const rule = `${what} not supported`;
  return new SpecError({ code: 'unsupported-spec', field, rule }, said(field, rule));
}

function said(field: string, rule: string): string {
  return field === '' ? rule : `${field}: ${rule}`;
}
