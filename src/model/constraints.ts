import type { Node } from './objects.ts';

/** One placement constraint: `<key> == <value>` or `<key> != <value>`. */
export interface Constraint {
  readonly key: string;
  readonly isEqual: boolean;
  readonly value: string;
}

const KEY = /^[a-z_][a-z0-9\-_.]+$/i;
const VALUE = /^[a-z0-9:\-_\s.*()?+[\]\\^$|/]+$/i;

/** Parses one constraint; a text that is none comes back as the problem, in Docker's words. */
export function tryParseConstraint(text: string): Constraint | { readonly problem: string } {
  const match = /^(.*?)(==|!=)(.*)$/s.exec(text);
  if (match === null) return { problem: 'constraint expected one operator from ==, !=' };
  const key = (match[1] as string).trim();
  const value = (match[3] as string).trim();
  if (!KEY.test(key)) return { problem: `key '${key}' is invalid` };
  if (!VALUE.test(value)) return { problem: `value '${value}' is invalid` };
  return { key, isEqual: match[2] === '==', value };
}

/**
 * Whether the node may run what has this constraint. A key that nobody knows is satisfied by no
 * node, as in Docker.
 */
export function satisfiesConstraint(node: Node, constraint: Constraint): boolean {
  const actual = nodeAttribute(node, constraint.key);
  if (actual === undefined) return false;
  const isSame = actual.toLowerCase() === constraint.value.toLowerCase();
  return isSame === constraint.isEqual;
}

const LABEL_PREFIX = 'node.labels.';
const ENGINE_LABEL_PREFIX = 'engine.labels.';

/** The node's value of a constraint's key; an absent label is empty, an unknown key `undefined`. */
export function nodeAttribute(node: Node, key: string): string | undefined {
  const lower = key.toLowerCase();
  if (lower.startsWith(LABEL_PREFIX))
    return label(node.spec.Labels, key.slice(LABEL_PREFIX.length));
  // Engine labels are a setting of the Docker daemon; agents have none.
  if (lower.startsWith(ENGINE_LABEL_PREFIX)) return '';
  switch (lower) {
    case 'node.id':
      return node.id;
    case 'node.hostname':
      return node.description.hostname;
    case 'node.ip':
      return node.address;
    case 'node.role':
      return node.spec.Role;
    case 'node.platform.os':
      return node.description.os;
    case 'node.platform.arch':
      return node.description.architecture;
    default:
      return undefined;
  }
}

function label(labels: Node['spec']['Labels'], key: string): string {
  return Object.hasOwn(labels, key) ? (labels[key] as string) : '';
}
