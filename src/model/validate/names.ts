import { invalid } from './spec-error.ts';

/**
 * Docker's `^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*$`, written so that no name takes exponential time.
 */
const DNS_NAME = /^[a-zA-Z0-9](?:[-_a-zA-Z0-9]*[a-zA-Z0-9])?$/;
const NAME_MAX = 63;

/** Names of services and networks become names in DNS. Docker's rule and texts. */
export function checkName(name: string): void {
  if (name === '') throw invalid('Name', 'must be provided', 'name must be provided');
  if (name.length > NAME_MAX)
    throw invalid(
      'Name',
      `must be ${NAME_MAX} characters or fewer`,
      `name must be ${NAME_MAX} characters or fewer`,
    );
  if (!DNS_NAME.test(name))
    throw invalid(
      'Name',
      'must match [a-zA-Z0-9](?:[-_a-zA-Z0-9]*[a-zA-Z0-9])?',
      'name must be valid as a DNS name component',
    );
}

const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const DOMAIN_PART = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = `(?:${DOMAIN_PART}(?:\\.${DOMAIN_PART})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const REFERENCE = new RegExp(
  `^(?:${DOMAIN}/)?${COMPONENT}(?:/${COMPONENT})*` +
    '(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?' +
    '(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$',
);
const REFERENCE_MAX = 512;

/** Whether the text names an image: `[host[:port]/]path[:tag][@digest]`. */
export function isImageReference(text: string): boolean {
  return text.length <= REFERENCE_MAX && REFERENCE.test(text);
}
